"""Forms of the back office: plain Django forms in unfold's look. They validate; a service does the work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.forms import widgets as plain
from unfold import widgets as unfold

from common.api.names import snake
from common.errors import DomainError


class BackofficeForm(forms.Form):
    """The form of a button. `sections` groups fields: `[("Seller", ("legal_name", "vat_id"))]`; default: one group.

    With `row_form` it has a table of rows besides, such as the lines of a draft: people add, change and remove rows,
    `initial["rows"]` holds those there are, and `press.data["rows"]` the validated ones, in order, empty ones left out.
    `rows_help` stands above them. A method `prepare(access, row)` may set choices and the like before the form is shown
    or read.
    """

    sections: Sequence[tuple[str, Sequence[str]]] = ()
    row_form: type[forms.Form] | None = None
    rows_title = "Lines"
    rows_help = ""
    rows_required = True
    rows_max = 1000
    required_css_class = "required"

    def __init__(self, data: Any = None, files: Any = None, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(data, files, **kwargs)
        style(self)
        self.rows: Any = None
        if self.row_form is not None:
            given = list((kwargs.get("initial") or {}).get("rows", ()))
            made = forms.formset_factory(
                _styled(self.row_form), extra=0 if given else 1, can_delete=True, max_num=self.rows_max,
                absolute_max=self.rows_max, validate_max=True,
            )  # fmt: skip
            self.rows = made(data, initial=given, prefix="rows")

    def is_valid(self) -> bool:
        """Fields and rows."""
        valid = super().is_valid()
        if self.rows is None:
            return valid
        if not self.rows.is_valid():
            return False
        filled = [row.cleaned_data for row in self.rows.forms if row.has_changed() or row.initial]
        kept = [
            {name: value for name, value in row.items() if name != "DELETE"} for row in filled if not row.get("DELETE")
        ]
        if self.rows_required and not kept:
            self.add_error(None, f"{self.rows_title}: at least one is needed.")
            return False
        self.cleaned_data["rows"] = kept
        return valid

    def show_problem(self, path: str, message: str) -> bool:
        """Put a problem of the domain at its field (`smtp.host` at `smtp_host`); False where the form has none."""
        name = snake(path).replace(".", "_")
        if name not in self.fields:
            return False
        self.add_error(name, message)
        return True

    def groups(self) -> Iterable[tuple[str, list[forms.BoundField]]]:
        """Headings and their fields, for the template; fields that no section names come first."""
        named = {name for _, names in self.sections for name in names}
        rest = [self[name] for name in self.fields if name not in named and not self[name].is_hidden]
        if rest:
            yield "", rest
        for heading, names in self.sections:
            yield heading, [self[name] for name in names if name in self.fields]


def _styled(row_form: type[forms.Form]) -> type[forms.Form]:
    """The form of a row whose fields have unfold's look, the added box for removal too."""

    class StyledRow(row_form):  # type: ignore[valid-type, misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            style(self)

    return StyledRow


def style(form: forms.BaseForm) -> None:
    """Give the plain widgets of a form unfold's look; what has another look already keeps it."""
    for field in form.fields.values():
        widget = field.widget
        if type(widget).__module__.startswith("unfold."):
            continue
        dressed = _dressed(widget)
        if dressed is None:
            continue
        dressed.is_required = widget.is_required
        dressed.is_localized = widget.is_localized
        field.widget = dressed
        if isinstance(field, forms.ChoiceField):
            dressed.choices = field.choices


def _dressed(widget: forms.Widget) -> Any:
    attrs = dict(widget.attrs)
    match widget:
        case plain.HiddenInput():
            return None
        case plain.PasswordInput():
            return unfold.UnfoldAdminPasswordWidget(attrs=attrs, render_value=widget.render_value)
        case plain.CheckboxSelectMultiple():
            return unfold.UnfoldAdminCheckboxSelectMultipleWidget(attrs=attrs)
        case plain.CheckboxInput():
            return unfold.UnfoldBooleanSwitchWidget(attrs=attrs)
        case plain.SelectMultiple():
            return unfold.UnfoldAdminSelect2MultipleWidget(attrs=attrs)  # with a field to search in
        case plain.Select():
            return unfold.UnfoldAdminSelectWidget(attrs=attrs)
        case plain.Textarea():
            return unfold.UnfoldAdminTextareaWidget(attrs=attrs)
        case plain.FileInput():
            return None
        case plain.Input():
            dressed = unfold.UnfoldAdminTextInputWidget(attrs=attrs)
            # Numbers, dates and addresses keep their kind of input; the browser helps with it.
            dressed.input_type = widget.input_type
            if isinstance(widget, plain.DateTimeBaseInput):
                dressed.format_value = widget.format_value
                dressed.input_type = "date" if widget.input_type == "text" else widget.input_type
            return dressed
        case _:
            return None


def refusal_on(form: BackofficeForm | None, refused: DomainError) -> str:
    """The refusal in one sentence. What it says about a field stands at the field."""
    elsewhere = []
    for one in refused.details:
        if form is None or not form.show_problem(one.path, one.message):
            elsewhere.append(f"{one.path}: {one.message}" if one.path else one.message)
    if refused.details and not elsewhere:
        return "Please look at the fields below."
    return " ".join([refused.message, *elsewhere])
