"""SQL of deciding before posting: accounts as they stand, held so that nothing changes until the transaction ends."""

from typing import Final

from accounting.sql import BOOKS_LOCK

# The lock of the books first, then the balances in the order of their ids: as the triggers of lines do it. A statement
# of its own for each, so that what is read is what stands once the locks are held.
LOCK_ACCOUNTS: Final = f"""
CREATE FUNCTION accounting_lock_accounts(of_tenant uuid, of_accounts uuid[])
RETURNS TABLE (account_id uuid, unit text, kind text, state text, owner text, room numeric) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({BOOKS_LOCK}, hashtext(of_tenant::text));
    PERFORM FROM public.accounting_balance b WHERE b.tenant_id = of_tenant AND b.id = ANY (of_accounts)
    ORDER BY b.id FOR NO KEY UPDATE;
    RETURN QUERY
    SELECT a.id, a.currency::text, a.type::text, a.status::text, a.owner_type::text,
        b.posted::numeric - b.held - b.floor
    FROM public.accounting_account a
    LEFT JOIN public.accounting_balance b ON b.tenant_id = a.tenant_id AND b.id = a.id
    WHERE a.tenant_id = of_tenant AND a.id = ANY (of_accounts);
END
$$;
"""  # noqa: S608 - constants of this module

LOCK_ACCOUNTS_REVERSE: Final = "DROP FUNCTION accounting_lock_accounts(uuid, uuid[])"
