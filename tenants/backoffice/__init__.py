"""The back office: Django's admin as staff see it. This package alone knows unfold; `<app>/admin.py` takes from it.

A page, in `<app>/admin.py`:

    @backoffice_page(Invoice)
    class InvoiceAdmin(BackofficeAdmin):
        area, nav_group, nav_icon = "invoices", "Billing", "receipt_long"
        list_display = ("number", "customer", "total_shown")
        list_select_related = ("customer",)

        @column("Total")
        def total_shown(self, row: Invoice) -> str:
            return money(row.total, row.currency)

        @action_button("Void", "invoices:write", reason="required", confirm="Void this invoice?", tone="danger",
                       shown=lambda row: row.status in VOIDABLE)
        def void(self, press: Press) -> str:
            void_invoice(tenant_id=press.tenant_id, invoice_id=press.object.id, at=press.at)
            return "The invoice is void."

        def panels(self, request, row):
            return [Table("Lines", ["What", "Amount"], [...]), Timeline("History", [Moment(at, "event", "…")])]

Import from `tenants.backoffice.api`. Everything runs in the tenant's scope, actor and trace set; `press.reason` is in
the trail by itself. A `DomainError` stands on the page and nothing is changed. `fields=SomeForm` (a `BackofficeForm`)
asks for input, `press.data` holds it validated; `on="list"` puts a button above the list; returning a `Secret` shows
it once. Buttons that call the outside queue it: the page is one transaction.
Figures for the first page: `cards.register(name, source)`. Pages of figures with files of them: `reports`.
"""
