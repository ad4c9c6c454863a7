-- Drops what a restore replaces: everything that no extension owns, or what stands in some schemas.
DO $dbbackup$
DECLARE
  wanted CONSTANT text[] := {schemas};
  cascades CONSTANT boolean := {cascades};
  -- Everything that has, or is a part of something that has, a schema which stays.
  outside CONSTANT text := $query$
    SELECT classid, objid, objsubid FROM (
      SELECT 'pg_class'::regclass AS classid, oid AS objid, 0 AS objsubid, relnamespace AS schema
        FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I')
      UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, relnamespace
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'f')
      UNION ALL SELECT 'pg_attrdef'::regclass, pg_attrdef.oid, 0, relnamespace
        FROM pg_attrdef JOIN pg_class ON pg_class.oid = adrelid
      UNION ALL SELECT 'pg_trigger'::regclass, pg_trigger.oid, 0, relnamespace
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal
      UNION ALL SELECT 'pg_policy'::regclass, pg_policy.oid, 0, relnamespace
        FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid
      UNION ALL SELECT 'pg_constraint'::regclass, oid, 0, connamespace FROM pg_constraint
      UNION ALL SELECT 'pg_proc'::regclass, oid, 0, pronamespace FROM pg_proc
      UNION ALL SELECT 'pg_type'::regclass, oid, 0, typnamespace FROM pg_type WHERE typtype IN ('d', 'e', 'r')
      UNION ALL SELECT 'pg_operator'::regclass, oid, 0, oprnamespace FROM pg_operator
      UNION ALL SELECT 'pg_opclass'::regclass, oid, 0, opcnamespace FROM pg_opclass
      UNION ALL SELECT 'pg_opfamily'::regclass, oid, 0, opfnamespace FROM pg_opfamily
      UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, 0, stxnamespace FROM pg_statistic_ext
      UNION ALL SELECT 'pg_ts_config'::regclass, oid, 0, cfgnamespace FROM pg_ts_config
      UNION ALL SELECT 'pg_ts_dict'::regclass, oid, 0, dictnamespace FROM pg_ts_dict
      UNION ALL SELECT 'pg_cast'::regclass, oid, 0, 0 FROM pg_cast
      UNION ALL SELECT 'pg_event_trigger'::regclass, oid, 0, 0 FROM pg_event_trigger
      UNION ALL SELECT 'pg_publication_rel'::regclass, oid, 0, 0 FROM pg_publication_rel
      UNION ALL SELECT 'pg_extension'::regclass, oid, 0, 0 FROM pg_extension
    ) AS everything
    WHERE objid >= 16384 AND schema NOT IN (SELECT oid FROM pg_namespace WHERE nspname = ANY ($1) OR nspname ~ '^pg_')
  $query$;
  victim record;
  privilege record;
  stays record;
  kind text;
  name text;
  is_there boolean;
  lost text;
BEGIN
  IF wanted IS NOT NULL AND NOT cascades THEN
    EXECUTE 'CREATE TEMPORARY TABLE dbbackup_outside ON COMMIT DROP AS SELECT classid, objid, objsubid, '
      '(pg_identify_object(classid, objid, objsubid)).type, (pg_identify_object(classid, objid, objsubid)).identity FROM ('
      || outside || ') AS there' USING wanted;
  END IF;

  -- Default privileges would be given to everything that is made from here on.
  FOR victim IN
    SELECT role.rolname, defaclrole, nspname, defaclobjtype, defaclacl,
      CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
        WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS objects
    FROM pg_default_acl JOIN pg_roles AS role ON role.oid = defaclrole
      LEFT JOIN pg_namespace ON pg_namespace.oid = defaclnamespace
    WHERE pg_has_role(defaclrole, 'MEMBER') AND (wanted IS NULL OR nspname = ANY (wanted))
  LOOP
    name := format('ALTER DEFAULT PRIVILEGES FOR ROLE %I', victim.rolname)
      || CASE WHEN victim.nspname IS NULL THEN '' ELSE format(' IN SCHEMA %I', victim.nspname) END;
    FOR privilege IN
      SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee
      FROM aclexplode(victim.defaclacl)
    LOOP
      EXECUTE format('%s REVOKE ALL ON %s FROM %s', name, victim.objects, privilege.grantee);
    END LOOP;
    IF victim.nspname IS NULL THEN
      FOR privilege IN
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee, privilege_type
        FROM aclexplode(acldefault(CASE victim.defaclobjtype WHEN 'S' THEN 's' ELSE victim.defaclobjtype END, victim.defaclrole))
      LOOP
        EXECUTE format('%s GRANT %s ON %s TO %s', name, privilege.privilege_type, victim.objects, privilege.grantee);
      END LOOP;
    END IF;
  END LOOP;

  FOR victim IN
    SELECT classid, objid FROM (
      SELECT 'pg_event_trigger'::regclass AS classid, oid AS objid, 1 AS turn FROM pg_event_trigger WHERE wanted IS NULL
      UNION ALL SELECT 'pg_publication'::regclass, oid, 1 FROM pg_publication WHERE wanted IS NULL
      UNION ALL SELECT 'pg_namespace'::regclass, oid, 2 FROM pg_namespace
        WHERE wanted IS NULL AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND NOT ({is_kept})
      UNION ALL SELECT classid, objid, 3
        FROM pg_depend JOIN pg_namespace ON refclassid = 'pg_namespace'::regclass AND refobjid = pg_namespace.oid
        WHERE classid <> 'pg_default_acl'::regclass AND classid <> 'pg_extension'::regclass
          AND CASE WHEN wanted IS NULL THEN nspname !~ '^pg_' AND ({is_kept}) ELSE nspname = ANY (wanted) END
      UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 4 FROM pg_foreign_server WHERE wanted IS NULL
      UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 5 FROM pg_foreign_data_wrapper WHERE wanted IS NULL
      UNION ALL SELECT 'pg_cast'::regclass, oid, 6 FROM pg_cast WHERE wanted IS NULL
      UNION ALL SELECT 'pg_transform'::regclass, oid, 6 FROM pg_transform WHERE wanted IS NULL
      UNION ALL SELECT 'pg_language'::regclass, oid, 7 FROM pg_language WHERE wanted IS NULL
      UNION ALL SELECT 'pg_am'::regclass, oid, 7 FROM pg_am WHERE wanted IS NULL
    ) AS mine
    WHERE objid >= 16384 AND NOT EXISTS (
      SELECT FROM pg_depend AS owned
      -- The columns of a partition key are parts of their own table.
      WHERE owned.classid = mine.classid AND owned.objid = mine.objid AND owned.objsubid = 0
        AND owned.deptype IN ('e', 'i'))
    ORDER BY turn
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE oid = $1)', victim.classid::regclass)
      INTO is_there USING victim.objid;
    CONTINUE WHEN NOT is_there;
    SELECT object.type, object.identity INTO kind, name FROM pg_identify_object(victim.classid, victim.objid, 0) AS object;
    kind := CASE kind WHEN 'foreign-data wrapper' THEN 'foreign data wrapper' WHEN 'statistics object' THEN 'statistics'
      WHEN 'composite type' THEN 'type' ELSE kind END;
    EXECUTE format('DROP %s %s CASCADE', kind, name);
  END LOOP;

  -- Schemas that stay get the privileges, the comment and, where it is the server's own, the owner of a new one.
  FOR victim IN
    SELECT oid, nspname FROM pg_namespace
    WHERE wanted IS NULL AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND ({is_kept}) AND NOT ({is_extensions})
  LOOP
    IF victim.nspname = 'public' AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_database_owner') THEN
      IF (SELECT nspowner::regrole::text FROM pg_namespace WHERE oid = victim.oid) <> 'pg_database_owner' THEN
        ALTER SCHEMA public OWNER TO pg_database_owner;
      END IF;
    END IF;
    SELECT nspacl, coalesce((SELECT initprivs FROM pg_init_privs
          WHERE classoid = 'pg_namespace'::regclass AND objoid = victim.oid AND objsubid = 0),
        acldefault('n', nspowner)) AS initial,
      pg_has_role(nspowner, 'MEMBER') AS is_ours
      INTO stays FROM pg_namespace WHERE oid = victim.oid;
    CONTINUE WHEN NOT stays.is_ours;
    IF coalesce(stays.nspacl, stays.initial) <> stays.initial THEN
      FOR privilege IN
        SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee
        FROM aclexplode(stays.nspacl)
      LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %s CASCADE', victim.nspname, privilege.grantee);
      END LOOP;
      FOR privilege IN
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee, privilege_type
        FROM aclexplode(stays.initial)
      LOOP
        EXECUTE format('GRANT %s ON SCHEMA %I TO %s', privilege.privilege_type, victim.nspname, privilege.grantee);
      END LOOP;
    END IF;
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', victim.nspname,
      CASE victim.nspname WHEN 'public' THEN 'standard public schema' END);
  END LOOP;

  -- Rows that extensions let a dump have.
  FOR victim IN
    SELECT config.oid, config.condition
    FROM pg_extension, unnest(extconfig, extcondition) AS config (oid, condition)
      JOIN pg_class ON pg_class.oid = config.oid JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND has_table_privilege(config.oid, 'DELETE') AND has_table_privilege(config.oid, 'INSERT')
      AND (wanted IS NULL OR nspname = ANY (wanted))
  LOOP
    EXECUTE format('DELETE FROM %s %s', victim.oid::regclass, victim.condition);
  END LOOP;

  IF wanted IS NOT NULL THEN
    FOR name IN SELECT unnest(wanted) LOOP
      EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', name);
    END LOOP;
    IF NOT cascades THEN
      EXECUTE 'SELECT string_agg(type || '' '' || identity, '', '' ORDER BY identity) FROM dbbackup_outside AS was '
        'WHERE NOT EXISTS (SELECT FROM (' || outside || ') AS stays '
        'WHERE stays.classid = was.classid AND stays.objid = was.objid AND stays.objsubid = was.objsubid)' INTO lost USING wanted;
      IF lost IS NOT NULL THEN
        RAISE EXCEPTION 'cannot restore % alone: what depends on it would be dropped: %', array_to_string(wanted, ', '), lost
          USING ERRCODE = 'DBBKP';
      END IF;
    END IF;
  END IF;
END
$dbbackup$;
