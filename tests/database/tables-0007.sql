-- The tables as release 0007 left them in SQLite: what test_frozen upgrades from.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('2024_1_contract01');
CREATE TABLE cached_images (
  id INTEGER NOT NULL,
  image_id VARCHAR(36) NOT NULL,
  last_accessed DATETIME NOT NULL,
  last_modified DATETIME NOT NULL,
  size BIGINT NOT NULL,
  hits INTEGER NOT NULL,
  checksum VARCHAR(32),
  node_reference_id INTEGER NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT ix_cached_images_image_id_node_reference_id UNIQUE (image_id, node_reference_id),
  FOREIGN KEY(node_reference_id) REFERENCES node_reference (node_reference_id)
);
CREATE TABLE image_locations (
  id INTEGER NOT NULL,
  image_id VARCHAR(36) NOT NULL,
  value TEXT NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  deleted_at DATETIME,
  deleted BOOLEAN NOT NULL,
  meta_data TEXT,
  status VARCHAR(30) DEFAULT 'active' NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY(image_id) REFERENCES images (id),
  CHECK (deleted IN (0, 1))
);
CREATE TABLE image_members (
  id INTEGER NOT NULL,
  image_id VARCHAR(36) NOT NULL,
  member VARCHAR(255) NOT NULL,
  can_share BOOLEAN NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  deleted_at DATETIME,
  deleted BOOLEAN NOT NULL,
  status VARCHAR(20) DEFAULT 'pending' NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT image_members_image_id_member_deleted_at_key UNIQUE (image_id, member, deleted_at),
  FOREIGN KEY(image_id) REFERENCES images (id),
  CHECK (can_share IN (0, 1)),
  CHECK (deleted IN (0, 1))
);
CREATE TABLE image_properties (
  id INTEGER NOT NULL,
  image_id VARCHAR(36) NOT NULL,
  name VARCHAR(255) NOT NULL,
  value TEXT,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  deleted_at DATETIME,
  deleted BOOLEAN NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT ix_image_properties_image_id_name UNIQUE (image_id, name),
  FOREIGN KEY(image_id) REFERENCES images (id),
  CHECK (deleted IN (0, 1))
);
CREATE TABLE image_tags (
  id INTEGER NOT NULL,
  image_id VARCHAR(36) NOT NULL,
  value VARCHAR(255) NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  deleted_at DATETIME,
  deleted BOOLEAN NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY(image_id) REFERENCES images (id),
  CHECK (deleted IN (0, 1))
);
CREATE TABLE images (
  id VARCHAR(36) NOT NULL,
  name VARCHAR(255),
  size INTEGER,
  status VARCHAR(30) NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  deleted_at DATETIME,
  deleted BOOLEAN NOT NULL,
  disk_format VARCHAR(20),
  container_format VARCHAR(20),
  checksum VARCHAR(32),
  owner VARCHAR(255),
  min_disk INTEGER NOT NULL,
  min_ram INTEGER NOT NULL,
  protected BOOLEAN DEFAULT 0 NOT NULL,
  virtual_size INTEGER,
  visibility VARCHAR(9) DEFAULT 'shared' NOT NULL,
  os_hidden BOOLEAN DEFAULT 0 NOT NULL,
  os_hash_algo VARCHAR(64),
  os_hash_value VARCHAR(128),
  PRIMARY KEY (id)
);
CREATE TABLE imagestore_alembic_version (
  version_num VARCHAR(32) NOT NULL,
  CONSTRAINT imagestore_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "imagestore_alembic_version" VALUES('0007');
CREATE TABLE imagestore_damages (
  location_id INTEGER NOT NULL,
  image_id VARCHAR(36) NOT NULL,
  store VARCHAR(255) NOT NULL,
  state VARCHAR(20) NOT NULL,
  reason VARCHAR(255) NOT NULL,
  found_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL,
  PRIMARY KEY (location_id)
);
CREATE TABLE imagestore_events (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  moment DATETIME NOT NULL,
  kind VARCHAR(40) NOT NULL,
  image_id VARCHAR(36),
  job_id VARCHAR(36),
  project VARCHAR(255),
  document TEXT NOT NULL
);
CREATE TABLE imagestore_job_gates (
  kind VARCHAR(40) NOT NULL,
  PRIMARY KEY (kind)
);
CREATE TABLE imagestore_jobs (
  id VARCHAR(36) NOT NULL,
  kind VARCHAR(40) NOT NULL,
  image_id VARCHAR(36),
  target VARCHAR(255) NOT NULL,
  project VARCHAR(255),
  payload TEXT NOT NULL,
  state VARCHAR(20) NOT NULL,
  active_key VARCHAR(64),
  own_key VARCHAR(64),
  turn INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  bytes_done INTEGER NOT NULL,
  bytes_total INTEGER,
  message TEXT,
  not_before DATETIME NOT NULL,
  cancel_requested BOOLEAN NOT NULL,
  lease_owner VARCHAR(255),
  lease_until DATETIME,
  fence INTEGER NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (active_key)
);
CREATE TABLE imagestore_journal (
  id VARCHAR(36) NOT NULL,
  kind VARCHAR(20) NOT NULL,
  image_id VARCHAR(36) NOT NULL,
  store VARCHAR(255),
  image_status VARCHAR(30),
  owner VARCHAR(255) NOT NULL,
  started_at DATETIME NOT NULL,
  renewed_at DATETIME NOT NULL,
  PRIMARY KEY (id)
);
CREATE TABLE imagestore_orphan_searches (
  store VARCHAR(255) NOT NULL,
  started_at DATETIME NOT NULL,
  finished_at DATETIME NOT NULL,
  objects INTEGER NOT NULL,
  unknown INTEGER NOT NULL,
  PRIMARY KEY (store)
);
CREATE TABLE imagestore_orphans (
  store VARCHAR(255) NOT NULL,
  image_id VARCHAR(36) NOT NULL,
  project VARCHAR(255) NOT NULL,
  origin VARCHAR(20) NOT NULL,
  ours BOOLEAN NOT NULL,
  whole BOOLEAN NOT NULL,
  pieces INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  first_seen DATETIME NOT NULL,
  last_seen DATETIME NOT NULL,
  PRIMARY KEY (store, image_id, project)
);
CREATE TABLE imagestore_patrol (
  id INTEGER NOT NULL,
  position VARCHAR(36) NOT NULL,
  started_at DATETIME NOT NULL,
  finished_at DATETIME,
  images INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  damaged INTEGER NOT NULL,
  repaired INTEGER NOT NULL,
  unread INTEGER NOT NULL,
  PRIMARY KEY (id)
);
CREATE TABLE imagestore_quota_gates (
  project VARCHAR(255) NOT NULL,
  PRIMARY KEY (project)
);
CREATE TABLE imagestore_replicas (
  location_id INTEGER NOT NULL,
  image_id VARCHAR(36) NOT NULL,
  unwanted_since DATETIME,
  PRIMARY KEY (location_id)
);
CREATE TABLE imagestore_reservations (
  entry VARCHAR(36) NOT NULL,
  project VARCHAR(255) NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (entry)
);
CREATE TABLE imagestore_site_images (
  site VARCHAR(255) NOT NULL,
  image_id VARCHAR(36) NOT NULL,
  PRIMARY KEY (site, image_id)
);
CREATE TABLE imagestore_sites (
  name VARCHAR(255) NOT NULL,
  position DATETIME,
  whole_at DATETIME,
  PRIMARY KEY (name)
);
CREATE TABLE imagestore_tombstones (
  image_id VARCHAR(36) NOT NULL,
  purged_at DATETIME NOT NULL,
  PRIMARY KEY (image_id)
);
CREATE TABLE metadef_namespace_resource_types (
  resource_type_id INTEGER NOT NULL,
  namespace_id INTEGER NOT NULL,
  properties_target VARCHAR(80),
  prefix VARCHAR(80),
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  PRIMARY KEY (resource_type_id, namespace_id),
  FOREIGN KEY(resource_type_id) REFERENCES metadef_resource_types (id),
  FOREIGN KEY(namespace_id) REFERENCES metadef_namespaces (id)
);
CREATE TABLE metadef_namespaces (
  id INTEGER NOT NULL,
  namespace VARCHAR(80) NOT NULL,
  display_name VARCHAR(80),
  description TEXT,
  visibility VARCHAR(32),
  protected BOOLEAN,
  owner VARCHAR(255) NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  PRIMARY KEY (id),
  CONSTRAINT uq_metadef_namespaces_namespace UNIQUE (namespace),
  CHECK (protected IN (0, 1))
);
CREATE TABLE metadef_objects (
  id INTEGER NOT NULL,
  namespace_id INTEGER NOT NULL,
  name VARCHAR(80) NOT NULL,
  description TEXT,
  required TEXT,
  json_schema TEXT NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  PRIMARY KEY (id),
  CONSTRAINT uq_metadef_objects_namespace_id_name UNIQUE (namespace_id, name),
  FOREIGN KEY(namespace_id) REFERENCES metadef_namespaces (id)
);
CREATE TABLE metadef_properties (
  id INTEGER NOT NULL,
  namespace_id INTEGER NOT NULL,
  name VARCHAR(80) NOT NULL,
  json_schema TEXT NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  PRIMARY KEY (id),
  CONSTRAINT uq_metadef_properties_namespace_id_name UNIQUE (namespace_id, name),
  FOREIGN KEY(namespace_id) REFERENCES metadef_namespaces (id)
);
CREATE TABLE metadef_resource_types (
  id INTEGER NOT NULL,
  name VARCHAR(80) NOT NULL,
  protected BOOLEAN NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  PRIMARY KEY (id),
  CONSTRAINT uq_metadef_resource_types_name UNIQUE (name),
  CHECK (protected IN (0, 1))
);
CREATE TABLE metadef_tags (
  id INTEGER NOT NULL,
  namespace_id INTEGER NOT NULL,
  name VARCHAR(80) NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  PRIMARY KEY (id),
  CONSTRAINT uq_metadef_tags_namespace_id_name UNIQUE (namespace_id, name),
  FOREIGN KEY(namespace_id) REFERENCES metadef_namespaces (id)
);
CREATE TABLE node_reference (
  node_reference_id INTEGER NOT NULL,
  node_reference_url VARCHAR(255) NOT NULL,
  PRIMARY KEY (node_reference_id),
  CONSTRAINT uq_node_reference_node_reference_url UNIQUE (node_reference_url)
);
CREATE TABLE task_info (
  task_id VARCHAR(36) NOT NULL,
  input TEXT,
  result TEXT,
  message TEXT,
  PRIMARY KEY (task_id),
  FOREIGN KEY(task_id) REFERENCES tasks (id)
);
CREATE TABLE tasks (
  id VARCHAR(36) NOT NULL,
  type VARCHAR(30) NOT NULL,
  status VARCHAR(30) NOT NULL,
  owner VARCHAR(255) NOT NULL,
  expires_at DATETIME,
  created_at DATETIME NOT NULL,
  updated_at DATETIME,
  deleted_at DATETIME,
  deleted BOOLEAN NOT NULL,
  image_id VARCHAR(36),
  request_id VARCHAR(64),
  user_id VARCHAR(64),
  PRIMARY KEY (id),
  CHECK (deleted IN (0, 1))
);
CREATE INDEX imagestore_events_moment ON imagestore_events (moment);
CREATE INDEX imagestore_damages_state ON imagestore_damages (state, updated_at);
CREATE INDEX imagestore_damages_image ON imagestore_damages (image_id);
CREATE INDEX owner_image_idx ON images (owner);
CREATE INDEX created_at_image_idx ON images (created_at);
CREATE INDEX checksum_image_idx ON images (checksum);
CREATE INDEX imagestore_images_owner_created ON images (owner, visibility, os_hidden, deleted, created_at, id, status);
CREATE INDEX imagestore_images_status ON images (status, deleted, id);
CREATE INDEX updated_at_image_idx ON images (updated_at);
CREATE INDEX imagestore_images_owner_size ON images (owner, visibility, os_hidden, deleted, coalesce(size, -1), created_at, id, status);
CREATE INDEX imagestore_images_size ON images (visibility, os_hidden, deleted, coalesce(size, -1), created_at, id, status);
CREATE INDEX os_hidden_image_idx ON images (os_hidden);
CREATE INDEX imagestore_images_created ON images (visibility, os_hidden, deleted, created_at, id, status);
CREATE INDEX os_hash_value_image_idx ON images (os_hash_value);
CREATE INDEX imagestore_images_name ON images (name, deleted, id);
CREATE INDEX ix_images_deleted ON images (deleted);
CREATE INDEX visibility_image_idx ON images (visibility);
CREATE INDEX imagestore_jobs_project ON imagestore_jobs (project, state, turn);
CREATE INDEX imagestore_jobs_ended ON imagestore_jobs (state, updated_at);
CREATE INDEX imagestore_jobs_queue ON imagestore_jobs (state, turn, created_at, id);
CREATE INDEX imagestore_jobs_image ON imagestore_jobs (image_id, created_at);
CREATE INDEX ix_metadef_namespaces_owner ON metadef_namespaces (owner);
CREATE INDEX imagestore_journal_owner ON imagestore_journal (owner);
CREATE INDEX imagestore_reservations_project ON imagestore_reservations (project);
CREATE INDEX imagestore_replicas_image ON imagestore_replicas (image_id);
CREATE INDEX ix_tasks_status ON tasks (status);
CREATE INDEX ix_tasks_type ON tasks (type);
CREATE INDEX ix_tasks_owner ON tasks (owner);
CREATE INDEX ix_tasks_deleted ON tasks (deleted);
CREATE INDEX ix_tasks_image_id ON tasks (image_id);
CREATE INDEX ix_tasks_updated_at ON tasks (updated_at);
CREATE INDEX ix_image_properties_deleted ON image_properties (deleted);
CREATE INDEX ix_image_properties_image_id ON image_properties (image_id);
CREATE INDEX imagestore_properties_value ON image_properties (name, substr(value, 1, 255), deleted, image_id);
CREATE INDEX ix_image_tags_image_id ON image_tags (image_id);
CREATE INDEX imagestore_tags_value ON image_tags (value, deleted, image_id);
CREATE INDEX ix_image_tags_image_id_tag_value ON image_tags (image_id, value);
CREATE INDEX ix_image_locations_deleted ON image_locations (deleted);
CREATE INDEX ix_image_locations_image_id ON image_locations (image_id);
CREATE INDEX ix_image_members_image_id_member ON image_members (image_id, member);
CREATE INDEX ix_image_members_deleted ON image_members (deleted);
CREATE INDEX ix_image_members_image_id ON image_members (image_id);
CREATE INDEX imagestore_members_member ON image_members (member, image_id);
CREATE INDEX ix_metadef_ns_res_types_namespace_id ON metadef_namespace_resource_types (namespace_id);
CREATE INDEX ix_metadef_objects_name ON metadef_objects (name);
CREATE INDEX ix_metadef_properties_name ON metadef_properties (name);
CREATE INDEX ix_metadef_tags_name ON metadef_tags (name);
DELETE FROM "sqlite_sequence";
COMMIT;
