/*-------------------------------------------------------------------------
 *
 * mask.c
 *		Columns whose values are cut, masked or hashed; see mask.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha1.h"
#include "common/sha2.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "compat.h"
#include "debezium.h"
#include "mask.h"
#include "nested.h"
#include "pin.h"
#include "value.h"

/* What stands for a value that cannot be hashed. */
#define UNHASHED "\"********\""

/* Larger texts that would have to be copied are not hashed. */
#define COPY_MAX   (256 * 1024 * 1024)

#define DIGEST_MAX PG_SHA512_DIGEST_LENGTH

/* A JSON escape is at most so long, and stands for one character. */
#define ESCAPE_MAX 6

struct NovaMask
{
	const NovaMaskRule *rule;
	NovaColumn inner;  /* the column unmasked, without its name */
	bool is_text;      /* the value is a text, in the server's encoding */
	int digits;        /* of the digest, how many to show; 0: all */
	const char *stars; /* JSON */
	NovaEncoder shown_as;
};

static const struct
{
	pg_cryptohash_type type;
	int len;
} hashes[] = {
	[NOVA_HASH_MD5] = {PG_MD5, MD5_DIGEST_LENGTH},
	[NOVA_HASH_SHA1] = {PG_SHA1, SHA1_DIGEST_LENGTH},
	[NOVA_HASH_SHA224] = {PG_SHA224, PG_SHA224_DIGEST_LENGTH},
	[NOVA_HASH_SHA256] = {PG_SHA256, PG_SHA256_DIGEST_LENGTH},
	[NOVA_HASH_SHA384] = {PG_SHA384, PG_SHA384_DIGEST_LENGTH},
	[NOVA_HASH_SHA512] = {PG_SHA512, PG_SHA512_DIGEST_LENGTH},
};

/* Encoders that write strings; some of them also write bytes, by the mode. */
static const NovaEncoder string_encoders[] = {
	nova_encode_text,          nova_encode_char,         nova_encode_name,
	nova_encode_uuid,          nova_encode_output,       nova_encode_enum,
	nova_encode_jsonb_text,    nova_encode_base64,       nova_encode_base64_url,
	nova_encode_hex,           nova_encode_date,         nova_encode_time,
	dbz_encode_decimal_string, dbz_encode_money_string,  dbz_encode_date_iso,
	dbz_encode_time_iso,       dbz_encode_timestamp_iso, dbz_encode_timetz,
	dbz_encode_timestamptz,    dbz_encode_interval_iso,  dbz_encode_hstore_json,
	dbz_encode_unknown,        dbz_encode_unknown_hex,
};

/*
 * A value aside: what goes beyond keep is dropped on the way, so that no value
 * is too large.
 */
typedef struct Aside
{
	NovaOut out; /* first: spill() gets this one */
	StringInfoData json;
	Size keep;
	bool lost;
} Aside;

static void
drop_rest(NovaOut *out)
{
	Aside *aside = (Aside *) out;

	if ((Size) out->buf->len <= aside->keep)
		return;
	out->buf->len = (int) aside->keep;
	aside->lost = true;
}

/* The JSON of the unmasked value. */
static void
encode_aside(Aside *aside, const NovaMask *mask, Datum value, Size keep, bool java)
{
	initStringInfo(&aside->json);
	nova_out_init(&aside->out, &aside->json);
	aside->out.java = java;
	aside->out.spill_at = keep;
	aside->out.spill = drop_rest;
	aside->keep = keep;
	aside->lost = false;
	mask->inner.encode(&aside->out, &mask->inner, value);
	drop_rest(&aside->out);
}

/*
 * Cuts.  Characters are Java's, units of UTF-16.
 */

/* Bytes of the JSON string that make the opening quote and so many characters. */
static int
cut_length(const char *json, int len, int chars)
{
	int at = 1;

	while (at < len && json[at] != '"')
	{
		bool escape = json[at] == '\\';
		int n = escape ? 2 : pg_utf_mblen((const unsigned char *) json + at);
		int units = n == 4 ? 2 : 1;

		if (escape && at + 1 < len && json[at + 1] == 'u')
			n = ESCAPE_MAX;
		if (units > chars || n > len - at)
			break;
		chars -= units;
		at += n;
	}
	return at;
}

static void
encode_cut(NovaOut *out, const NovaColumn *col, Datum value)
{
	const NovaMask *mask = col->info->mask;
	Aside aside;

	encode_aside(&aside, mask, value, (Size) mask->rule->chars * ESCAPE_MAX + ESCAPE_MAX,
				 out->java);
	nova_column_prefix(out, col);
	if (aside.json.data[0] != '"')
	{
		/* not a string, but the null of what failed to convert */
		nova_out_bytes(out, aside.json.data, aside.json.len);
		return;
	}
	nova_out_slices(out, aside.json.data,
					cut_length(aside.json.data, aside.json.len, mask->rule->chars));
	nova_out_char(out, '"');
}

/* A string that stands for a value. */
static const char *
cut_constant(const NovaMask *mask, const char *json)
{
	if (json == NULL || *json != '"')
		return json;
	return psprintf("%.*s\"", cut_length(json, (int) strlen(json), mask->rule->chars), json);
}

static void
encode_cut_bytes(NovaOut *out, const NovaColumn *col, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_SLICE(value, 0, col->info->mask->rule->chars);

	nova_column_prefix(out, col);
	nova_json_base64(out, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), false);
}

static void
encode_cut_unknown(NovaOut *out, const NovaColumn *col, Datum value)
{
	char *s = nova_output(unconstify(FmgrInfo *, &col->info->outfunc), value);

	nova_column_prefix(out, col);
	nova_json_base64(out, s, strnlen(s, col->info->mask->rule->chars), false);
}

static bool
writes_string(const NovaColumn *col)
{
	for (int i = 0; i < lengthof(string_encoders); i++)
		if (col->encode == string_encoders[i])
			return true;
	return false;
}

/*
 * Masks
 */

static void
encode_stars(NovaOut *out, const NovaColumn *col, Datum value)
{
	nova_column_constant(out, col, col->info->mask->stars);
}

static const char *
stars_json(int n)
{
	char *json = palloc(n + 3);

	memset(json, '*', n + 2);
	json[0] = json[n + 1] = '"';
	json[n + 2] = '\0';
	return json;
}

/*
 * Digests
 */

/* The four digits of \uXXXX. */
static uint32
escaped_unit(const char *s)
{
	char digits[5];

	strlcpy(digits, s, sizeof(digits));
	return (uint32) strtoul(digits, NULL, 16);
}

/* What an escape stands for, in UTF-8; s is at the backslash and moves on. */
static char *
unescape_one(char *dst, const char **s)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	char c = (*s)[1];
	const char *known = strchr(from, c);
	uint32 code;

	if (c != 'u')
	{
		*dst++ = known ? to[known - from] : c;
		*s += 2;
		return dst;
	}
	code = escaped_unit(*s + 2);
	*s += ESCAPE_MAX;
	if (code >= 0xD800 && code < 0xDC00 && (*s)[0] == '\\' && (*s)[1] == 'u')
	{
		code = 0x10000 + ((code - 0xD800) << 10) + (escaped_unit(*s + 2) - 0xDC00);
		*s += ESCAPE_MAX;
	}
	unicode_to_utf8(code, (unsigned char *) dst);
	return dst + pg_utf_mblen((unsigned char *) dst);
}

/* The inside of a JSON string, in place; other JSON stays as it is.  json is terminated. */
static const char *
unquoted(char *json, Size *len)
{
	const char *s = json + 1;
	const char *end = json + *len - 1;
	char *dst = json;

	if (*json != '"')
		return json;
	while (s < end)
	{
		if (*s == '\\')
			dst = unescape_one(dst, &s);
		else
			*dst++ = *s++;
	}
	*len = dst - json;
	return json;
}

/* The value's text in UTF-8, or NULL if it is too large. */
static const char *
value_text(const NovaMask *mask, Datum value, Size *len)
{
	Aside aside;

	if (mask->is_text)
	{
		struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

		*len = VARSIZE_ANY_EXHDR(v);
		if (nova_json_is_utf8)
			return VARDATA_ANY(v);
		if (*len > COPY_MAX)
			return NULL;
		initStringInfo(&aside.json);
		nova_utf8(&aside.json, VARDATA_ANY(v), *len);
		*len = aside.json.len;
		return aside.json.data;
	}
	encode_aside(&aside, mask, value, COPY_MAX, false);
	if (aside.lost)
		return NULL;
	nova_out_char(&aside.out, '\0');
	*len = aside.json.len - 1;
	return unquoted(aside.json.data, len);
}

/* One half of a surrogate pair as Java's modified UTF-8 has it. */
static void
put_surrogate(unsigned char *dst, uint32 unit)
{
	dst[0] = (unsigned char) (0xE0 | (unit >> 12));
	dst[1] = (unsigned char) (0x80 | ((unit >> 6) & 0x3F));
	dst[2] = (unsigned char) (0x80 | (unit & 0x3F));
}

/* Bytes that look the same in modified UTF-8: up to the next of four bytes. */
static Size
plain_length(const char *s, Size len)
{
	Size n = 0;

	while (n < len && ((unsigned char) s[n] & 0xF8) != 0xF0)
		n++;
	return n;
}

/* Length in modified UTF-8, where four bytes become six. */
static uint64
modified_length(const char *s, Size len)
{
	uint64 total = len;

	for (Size i = 0; i < len; i++)
		if (((unsigned char) s[i] & 0xF8) == 0xF0)
			total += 2;
	return total;
}

/* The head of a java.io.ObjectOutputStream with one String; returns its length. */
static int
serial_head(unsigned char *head, uint64 len)
{
	static const unsigned char magic[] = {0xAC, 0xED, 0x00, 0x05};
	bool is_short = len <= PG_UINT16_MAX;
	int width = is_short ? 2 : 8;

	memcpy(head, magic, sizeof(magic));
	head[4] = is_short ? 0x74 : 0x7C;
	for (int i = 0; i < width; i++)
		head[5 + i] = (unsigned char) (len >> (8 * (width - 1 - i)));
	return 5 + width;
}

static bool
add_serialized(pg_cryptohash_ctx *ctx, const char *s, Size len)
{
	unsigned char head[16];
	int head_len = serial_head(head, modified_length(s, len));

	if (pg_cryptohash_update(ctx, head, head_len) < 0)
		return false;
	while (len > 0)
	{
		Size n = plain_length(s, len);
		uint32 code;

		if (n > 0 && pg_cryptohash_update(ctx, (const uint8 *) s, n) < 0)
			return false;
		s += n;
		len -= n;
		if (len < 4)
			break;
		code = utf8_to_unicode((const unsigned char *) s) - 0x10000;
		put_surrogate(head, 0xD800 + (code >> 10));
		put_surrogate(head + 3, 0xDC00 + (code & 0x3FF));
		if (pg_cryptohash_update(ctx, head, 6) < 0)
			return false;
		s += 4;
		len -= 4;
	}
	return true;
}

static bool
add_value(pg_cryptohash_ctx *ctx, const NovaMaskRule *rule, const char *s, Size len)
{
	if (rule->kind == NOVA_MASK_HASH)
		return add_serialized(ctx, s, len);
	return len == 0 || pg_cryptohash_update(ctx, (const uint8 *) s, len) >= 0;
}

/* False: the library refuses.  Its contexts belong to a resource owner. */
static bool
digest(const NovaMaskRule *rule, const char *s, Size len, uint8 *result)
{
	pg_cryptohash_ctx *ctx;
	bool ok;

	if (s == NULL || CurrentResourceOwner == NULL)
		return false;
	ctx = pg_cryptohash_create(hashes[rule->hash].type);
	if (ctx == NULL)
		return false;
	ok = pg_cryptohash_init(ctx) >= 0 &&
		 (rule->salt_len == 0 ||
		  pg_cryptohash_update(ctx, (const uint8 *) rule->salt, rule->salt_len) >= 0) &&
		 add_value(ctx, rule, s, len) &&
		 pg_cryptohash_final(ctx, result, hashes[rule->hash].len) >= 0;
	pg_cryptohash_free(ctx);
	return ok;
}

/* The JSON that stands for a text. */
static const char *
hashed_json(const NovaMask *mask, const char *s, Size len, char *json)
{
	static const char hex[] = "0123456789abcdef";
	uint8 result[DIGEST_MAX];
	int n = hashes[mask->rule->hash].len * 2;

	if (!digest(mask->rule, s, len, result))
		return UNHASHED;
	if (mask->digits > 0)
		n = Min(n, mask->digits);
	json[0] = '"';
	for (int i = 0; i < n; i++)
		json[1 + i] = hex[(result[i / 2] >> (i % 2 ? 0 : 4)) & 0xF];
	json[1 + n] = '"';
	json[2 + n] = '\0';
	return json;
}

static void
encode_hash(NovaOut *out, const NovaColumn *col, Datum value)
{
	const NovaMask *mask = col->info->mask;
	char json[DIGEST_MAX * 2 + 3];
	Size len = 0;
	const char *s = value_text(mask, value, &len);

	nova_column_constant(out, col, hashed_json(mask, s, len, json));
}

/* The digest of a string that stands for a value. */
static const char *
hash_constant(const NovaMask *mask, const char *json)
{
	Size len;
	const char *s;

	if (json == NULL || *json != '"')
		return json;
	len = strlen(json);
	s = unquoted(pstrdup(json), &len);
	return hashed_json(mask, s, len, palloc(DIGEST_MAX * 2 + 3));
}

/*
 * Choosing
 */

/* Debezium shows no more of a digest than the column could hold. */
static int
declared_length(const NovaColumn *col)
{
	if (col->encode == nova_encode_char)
		return 1;
	if (col->encode == nova_encode_text && col->typmod > (int32) VARHDRSZ)
		return col->typmod - (int32) VARHDRSZ;
	return 0;
}

/* The encoder that cuts, or NULL for what is neither a string nor bytes, or too short. */
static NovaEncoder
choose_cut(const NovaColumn *col, const NovaMaskRule *rule, const NovaOptions *options)
{
	bool bytes = options->binary_mode == NOVA_BINARY_BYTES;

	if (!writes_string(col) || (declared_length(col) > 0 && declared_length(col) <= rule->chars))
		return NULL;
	if (bytes && col->encode == nova_encode_base64)
		return encode_cut_bytes;
	if (bytes && col->encode == dbz_encode_unknown)
		return encode_cut_unknown;
	return encode_cut;
}

static NovaEncoder
choose_encoder(const NovaColumn *col, const NovaMaskRule *rule, bool in_key,
			   const NovaOptions *options)
{
	bool debezium = options->profile == NOVA_PROFILE_DEBEZIUM;

	if (in_key && (debezium || rule->kind == NOVA_MASK_TRUNCATE))
		return NULL;
	if (rule->kind == NOVA_MASK_TRUNCATE)
		return choose_cut(col, rule, options);
	if (debezium && !nova_type_is_character(col->type))
		return NULL;
	return rule->kind == NOVA_MASK_CHARS ? encode_stars : encode_hash;
}

static const char *
mask_constant(const NovaMask *mask, const char *json)
{
	return mask->rule->kind == NOVA_MASK_TRUNCATE ? cut_constant(mask, json)
												  : hash_constant(mask, json);
}

/* What stands for values is masked as they are; of a null only asterisks hide that it is one. */
static void
mask_substitutes(NovaColumn *col, const NovaMask *mask, bool not_null, const NovaOptions *options)
{
	if (mask->rule->kind == NOVA_MASK_CHARS)
	{
		col->null = mask->stars;
		if (col->unknown)
			col->unknown = mask->stars;
		if (col->unavailable)
			col->unavailable = mask->stars;
		return;
	}
	if (not_null)
		col->unknown = mask_constant(mask, col->unknown);
	if (options->profile == NOVA_PROFILE_DEBEZIUM && col->encode != encode_cut_bytes)
		col->unavailable = mask_constant(mask, col->unavailable);
}

void
nova_mask_column(NovaColumn *col, const char *name, bool not_null, bool in_key,
				 const NovaOptions *options)
{
	const NovaMaskRule *rule = nova_mask_rule(options, name);
	NovaEncoder encode = rule ? choose_encoder(col, rule, in_key, options) : NULL;
	NovaTypeInfo *info;
	NovaMask *mask;

	if (encode == NULL)
		return;
	mask = palloc0(sizeof(NovaMask));
	mask->rule = rule;
	mask->inner = *col;
	mask->inner.prefix = nova_no_prefix;
	mask->inner.prefix_len = 0;
	mask->is_text = col->encode == nova_encode_text;
	mask->stars = rule->kind == NOVA_MASK_CHARS ? stars_json(rule->chars) : UNHASHED;
	mask->shown_as = col->encode;
	if (options->profile == NOVA_PROFILE_DEBEZIUM)
		mask->digits = declared_length(col);
	else if (rule->kind != NOVA_MASK_TRUNCATE)
		mask->shown_as = nova_encode_output;
	info = palloc0(sizeof(NovaTypeInfo));
	if (col->info)
		*info = *col->info;
	info->mask = mask;
	col->info = info;
	col->encode = encode;
	mask_substitutes(col, mask, not_null, options);
}

NovaEncoder
nova_mask_shown_as(const NovaColumn *col)
{
	return col->info && col->info->mask ? col->info->mask->shown_as : col->encode;
}

static void
encode_state(StringInfo json, const NovaColumn *col, Datum value, bool is_null)
{
	NovaOut out;

	initStringInfo(json);
	nova_out_init(&out, json);
	if (is_null)
		nova_column_constant(&out, col, col->null);
	else
		col->encode(&out, col, value);
}

bool
nova_mask_equal(const NovaColumn *col, Datum a, bool a_null, Datum b, bool b_null)
{
	StringInfoData one;
	StringInfoData other;

	if (col->info == NULL || col->info->mask == NULL)
		return false;
	encode_state(&one, col, a, a_null);
	encode_state(&other, col, b, b_null);
	return one.len == other.len && memcmp(one.data, other.data, one.len) == 0;
}
