--
-- What all other tests use: the extension, and short names for reading a slot.
-- Added fields are cut down to the operation, so that no time or LSN shows.
--
CREATE EXTENSION nova_decoder;

CREATE FUNCTION take(slot name, VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text
LANGUAGE sql AS $$
    SELECT data FROM pg_logical_slot_get_changes($1, NULL, NULL,
                                                 VARIADIC ARRAY['add.fields', 'op'] || $2)
$$;

CREATE FUNCTION peek(slot name, VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text
LANGUAGE sql AS $$
    SELECT data FROM pg_logical_slot_peek_changes($1, NULL, NULL,
                                                  VARIADIC ARRAY['add.fields', 'op'] || $2)
$$;
COMMENT ON FUNCTION take(name, text[]) IS 'Read the slot and move on.';
COMMENT ON FUNCTION peek(name, text[]) IS 'Read the slot without moving it.';
