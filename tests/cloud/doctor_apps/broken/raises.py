raise KeyError("SHOP_TOKEN")
