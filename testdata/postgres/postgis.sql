-- A database with PostGIS, whose configuration table holds rows of the extension and rows of a user: only the latter
-- are in a dump. Loads as a superuser where the server has the extension (Debian: postgresql-15-postgis-3).

\set QUIET on
SET client_min_messages = error;

CREATE EXTENSION postgis SCHEMA public;

INSERT INTO spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text) VALUES
  (990001, 'zoo; it''s', 1, 'LOCAL_CS["zoo; \."]', '+proj=longlat +datum=WGS84 +no_defs');

CREATE TABLE places (
  id serial PRIMARY KEY, name text NOT NULL, spot geometry(Point, 990001), area geography(Polygon, 4326),
  shape geometry(GeometryCollectionZM), around geometry GENERATED ALWAYS AS (ST_Buffer(spot, 1)) STORED);
INSERT INTO places (name, spot, area, shape) VALUES
  ('gate', ST_SetSRID(ST_MakePoint(1, 2), 990001), 'POLYGON((0 0,1 0,1 1,0 0))', 'GEOMETRYCOLLECTION ZM (POINT ZM (1 2 3 4))'),
  ('nowhere', NULL, NULL, 'GEOMETRYCOLLECTION ZM EMPTY');
CREATE INDEX places_spot ON places USING gist (spot);
CREATE INDEX places_3d ON places USING gist (shape gist_geometry_ops_nd);
CREATE VIEW near AS SELECT name, ST_Distance(spot, ST_SetSRID(ST_MakePoint(0, 0), 990001)) AS distance FROM places;
CREATE FUNCTION is_valid(geometry) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT public.ST_IsValid($1)';
ALTER TABLE places ADD CHECK (is_valid(shape));
