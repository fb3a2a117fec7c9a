"""The double-entry ledger: accounts, journal entries, transfers, holds, wallets and statements."""
