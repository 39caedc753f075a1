"""A small media service: transcodes clips, writes statements, mails them, classifies documents."""
