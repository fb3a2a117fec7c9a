"""Views, one file per kind of object."""
