/* What `nova-relay status` reads: URLs and Prometheus text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "httpget.h"
#include "status.h"

static const char metrics[] =
	"# HELP nova_up Is it?\n"
	"# TYPE nova_up gauge\n"
	"nova_upper 7\n"
	"nova_up{connector=\"a b\"} 1\n"
	"nova_state{connector=\"c\",state=\"CONNECT\"} 0\n"
	"nova_state{connector=\"c\",state=\"STREAM\"} 1\n"
	"nova_stream_road{connector=\"c\",road=\"direct\",reason=\"backlog\"} 1\n"
	"nova_stream_road_changes_total{connector=\"c\"} 2\n"
	"plain 1.5e3\n"
	"last -2";

static void
test_metrics(void **state)
{
	double value;
	char text[64];

	(void) state;
	assert_true(status_metric(metrics, "nova_up", &value));
	assert_true(value == 1);
	assert_true(status_metric(metrics, "plain", &value));
	assert_true(value == 1500);
	assert_true(status_metric(metrics, "last", &value));
	assert_true(value == -2);
	assert_false(status_metric(metrics, "nova", &value));
	assert_false(status_metric(metrics, "HELP", &value));
	assert_false(status_metric("", "nova_up", &value));
	assert_true(status_label(metrics, "nova_state", "state", text, sizeof(text)));
	assert_string_equal(text, "STREAM");
	assert_true(status_label(metrics, "nova_stream_road", "road", text, sizeof(text)));
	assert_string_equal(text, "direct");
	assert_true(status_label(metrics, "nova_stream_road", "reason", text, sizeof(text)));
	assert_string_equal(text, "backlog");
	assert_false(status_label(metrics, "nova_up", "state", text, sizeof(text)));
	assert_false(
		status_label("nova_state{state=\"A\"} 0\n", "nova_state", "state", text, sizeof(text)));
	assert_true(status_label("nova_state{state=\"no end", "nova_state", "state", text,
							 sizeof(text)) == false);
}

static void
test_urls(void **state)
{
	HttpPlace place = {0};
	char url[300];

	(void) state;
	assert_true(httpget_parse_url("http://127.0.0.1:18083", &place));
	assert_string_equal(place.host, "127.0.0.1");
	assert_string_equal(place.port, "18083");
	assert_true(httpget_parse_url("http://relay/", &place));
	assert_string_equal(place.host, "relay");
	assert_string_equal(place.port, "8083");
	assert_true(httpget_parse_url("http://[::1]:80", &place));
	assert_string_equal(place.host, "::1");
	assert_string_equal(place.port, "80");
	assert_string_equal(httpget_url(&place, url, sizeof(url)), "http://[::1]:80");
	assert_false(place.https);
	assert_true(httpget_parse_url("https://relay:8443", &place));
	assert_true(place.https);
	assert_string_equal(httpget_url(&place, url, sizeof(url)), "https://relay:8443");
	assert_false(httpget_parse_url("https://team:secret@relay", &place));
	assert_false(httpget_parse_url("ftp://relay", &place));
	assert_false(httpget_parse_url("http://", &place));
	assert_false(httpget_parse_url("http://relay:", &place));
	assert_false(httpget_parse_url("http://relay:123456", &place));
	assert_false(httpget_parse_url("http://relay:80/connectors", &place));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_urls),
	};

	return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
