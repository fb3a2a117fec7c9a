"""How pages write dates (`FORMAT_MODULE_PATH`); inside the back office the time zone is the tenant's."""
