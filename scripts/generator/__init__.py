"""From the spec to the package ``cio_pipelines``: a step a module.

``spec`` reads the document, ``facts`` and ``checks`` question it, ``view`` is what openapi-python-client gets to see,
``client`` runs it with the templates of this folder, ``modules`` writes what templates cannot add, ``tidy`` is ruff,
``build`` calls them in turn, and ``publish`` puts the result in its place or says where it differs.
"""
