"""What all stores need, wrapped around a store and itself a store.

Each wrapper changes one thing; :func:`imagestore.stores.stack.stacked` says in which order they go.
"""
