raise SystemExit("set SHOP_TOKEN first")
