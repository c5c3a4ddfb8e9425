"""Every command of ``openstack image …`` and ``glance``, against imagestore and the real Glance."""
