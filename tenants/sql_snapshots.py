"""SQL of the snapshots of settings: written by a trigger with each version, changed by nobody."""

# What a document takes from the settings. No secret is named here; what is not named is not kept.
_DATA = """jsonb_build_object(
    'seller_name', COALESCE(
        {row}.legal_name, (SELECT t.name FROM public.tenants_tenant t WHERE t.id = {row}.tenant_id)
    ),
    'address', {row}.address, 'vat_id', {row}.vat_id, 'locale', {row}.locale, 'time_zone', {row}.time_zone,
    'invoice_texts', {row}.invoice_texts, 'brand_color', {row}.brand_color,
    'logo', (SELECT l.sha256 FROM public.tenants_logo l WHERE l.tenant_id = {row}.tenant_id AND l.id = {row}.logo_id)
)"""

# Tenants that are older than the snapshots: their version of today, and version 0 for the documents they have.
FIRST_SNAPSHOTS = f"""
INSERT INTO tenants_settingssnapshot (id, tenant_id, version, data)
SELECT ledger_uuid7(), s.tenant_id, v.version, {_DATA.format(row="s")}
FROM tenants_tenantsettings s, LATERAL (VALUES (0), (s.version)) AS v (version)
"""  # noqa: S608 - constants of this module

SNAPSHOTS = f"""
CREATE FUNCTION tenants_snapshot_settings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.tenants_settingssnapshot (id, tenant_id, version, data)
    VALUES (public.ledger_uuid7(), NEW.tenant_id, NEW.version, {_DATA.format(row="NEW")});
    RETURN NULL;
END
$$;
CREATE TRIGGER settings_snapshot AFTER INSERT OR UPDATE ON tenants_tenantsettings
    FOR EACH ROW EXECUTE FUNCTION tenants_snapshot_settings();
CREATE TRIGGER snapshot_immutable BEFORE UPDATE OR DELETE ON tenants_settingssnapshot
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
-- Nobody can make a version up.
CREATE TRIGGER snapshot_written_by_trigger BEFORE INSERT ON tenants_settingssnapshot
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER logo_immutable BEFORE UPDATE OR DELETE ON tenants_logo
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
-- Pictures are compressed already.
ALTER TABLE tenants_logo ALTER COLUMN content SET STORAGE EXTERNAL;
"""  # noqa: S608 - constants of this module

DROP_SNAPSHOTS = """
DROP TRIGGER settings_snapshot ON tenants_tenantsettings;
DROP TRIGGER snapshot_immutable ON tenants_settingssnapshot;
DROP TRIGGER snapshot_written_by_trigger ON tenants_settingssnapshot;
DROP TRIGGER logo_immutable ON tenants_logo;
DROP FUNCTION tenants_snapshot_settings();
"""
