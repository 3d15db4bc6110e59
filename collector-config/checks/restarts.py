def check(_full): pass
