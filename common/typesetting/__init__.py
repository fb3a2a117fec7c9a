"""Documents by typst: templates and values in, PDF or pictures out. It knows layouts of nothing.

Values reach a template as JSON in `sys.inputs.data`, never as source, so that no text of a customer is ever read as
markup. The fonts are those of this package (`fonts/`, SIL Open Font License) and of one more folder by choice, never
those of the machine: the same input gives the same bytes everywhere.
"""

from common.typesetting.engine import Typeset, Typesetter, TypesettingFailed
from common.typesetting.pictures import can_show, picture
from common.typesetting.texts import isolated

__all__ = ["Typeset", "Typesetter", "TypesettingFailed", "can_show", "isolated", "picture"]
