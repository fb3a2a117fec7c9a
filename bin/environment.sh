# Sourced by bin/up and bin/test: makes .venv with what a requirements file pins. Needs only bash and python3.

caller_folder=$PWD
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)" || exit 1
case ${LEDGER_HOME:-} in
  '' | /* | '~'*) ;;
  *) export LEDGER_HOME=$caller_folder/$LEDGER_HOME ;;
esac
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK=1
venv_python=$PWD/.venv/bin/python

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  echo "Ledger needs Python 3.11 or newer, and found none. Install it, or name it: PYTHON=/path/to/python3 $0" >&2
  exit 1
}

# A virtual environment of another Python, of another place or half made is made anew.
make_venv() {
  if "$venv_python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    return
  fi
  local python
  python=$(find_python) || exit 1
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "This Python cannot make virtual environments. Install its venv module, for example: apt install python3-venv" >&2
    exit 1
  fi
  echo "Making .venv with $("$python" --version)"
  rm -rf .venv
  "$python" -m venv .venv || { rm -rf .venv; exit 1; }
}

# install FILE...: the first file is installed; it covers the others. Nothing happens while none of them changed.
install() {
  make_venv
  local file current=1
  for file in "$@"; do
    cmp -s "$file" ".venv/installed-$file" || current=0
  done
  [ "$current" = 1 ] && return
  echo "Installing $1 (once, until it changes)"
  "$venv_python" -m pip install --quiet --requirement "$1" || {
    echo "Installing $1 failed; the reason stands above." >&2
    exit 1
  }
  for file in "$@"; do
    cp "$file" ".venv/installed-$file"
  done
}
