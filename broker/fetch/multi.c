/*
 * multi.c - libcurl's sockets and its timer on the control loop.
 * Owns:    the multi handle, the watch of its sockets.
 * Never:   waits; calls anybody who waits for a transfer from within libcurl.
 * Threads: the control loop.
 */
#include <assert.h>
#include <curl/curl.h>

#include "broker/fetch/fetch_private.h"

static void multi_arm(struct fetcher *fetcher, long timeout_ms)
{
	if (timeout_ms < 0) {
		wheel_cancel(fetcher->wheel, &fetcher->multi_timer);
		return;
	}
	wheel_add(
		fetcher->wheel, &fetcher->multi_timer, clock_mono_ms(&fetcher->clock) + (uint64_t)timeout_ms);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
	(void)multi;
	multi_arm(ctx, timeout_ms);
	return 0;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
	struct fetcher *fetcher = ctx;
	unsigned events = 0;

	(void)of_socket;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) {
		events |= NET_WATCH_READ;
	}
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) {
		events |= NET_WATCH_WRITE;
	}
	if (net_watch_set(fetcher->watch, fd, events) != ERR_OK) {
		/* An error returned here would end every transfer; this one will run into its deadline. */
		void *flight = NULL;

		if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &flight) == CURLE_OK && flight != NULL) {
			((struct flight *)flight)->unwatched = true;
		}
	}
	return 0;
}

/* Outside of libcurl: transfers that are over, one at a time, since what is called may end others. */
static void multi_drain(struct fetcher *fetcher)
{
	for (;;) {
		int left = 0;
		CURLMsg *message = curl_multi_info_read(fetcher->multi, &left);
		void *flight = NULL;

		if (message == NULL) {
			break;
		}
		if (message->msg != CURLMSG_DONE) {
			continue;
		}
		CURLcode code = message->data.result;

		if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &flight) == CURLE_OK &&
			flight != NULL) {
			flight_hop_over(flight, (int)code);
		}
	}
	fetcher_pump(fetcher);
}

static void multi_act(struct fetcher *fetcher, curl_socket_t fd, int events)
{
	int running = 0;
	long timeout_ms = -1;

	(void)curl_multi_socket_action(fetcher->multi, fd, events, &running);
	/*
	 * Our clock stands still within a turn and theirs does not, so a timer may come too early for them; they do
	 * not ask again for one that they asked for already.
	 */
	if (!wheel_timer_pending(&fetcher->multi_timer) &&
		curl_multi_timeout(fetcher->multi, &timeout_ms) == CURLM_OK) {
		multi_arm(fetcher, timeout_ms);
	}
	multi_drain(fetcher);
}

static void on_socket(void *ctx, int fd, unsigned events)
{
	int seen = 0;

	seen |= (events & NET_WATCH_READ) != 0 ? CURL_CSELECT_IN : 0;
	seen |= (events & NET_WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0;
	seen |= (events & NET_WATCH_ERROR) != 0 ? CURL_CSELECT_ERR : 0;
	multi_act(ctx, fd, seen);
}

static void on_multi_timer(struct wheel_timer *timer)
{
	multi_act(CONTAINER_OF(timer, struct fetcher, multi_timer), CURL_SOCKET_TIMEOUT, 0);
}

enum err multi_open(struct fetcher *fetcher, struct net *net)
{
	fetcher->multi_timer.fn = on_multi_timer;
	enum err err = net_watch_new(net, on_socket, fetcher, &fetcher->watch);

	if (err != ERR_OK) {
		return err;
	}
	CURLM *multi = curl_multi_init();

	if (multi == NULL) {
		return ERR_NOMEM;
	}
	fetcher->multi = multi;
	bool good = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) == CURLM_OK &&
		    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetcher) == CURLM_OK &&
		    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) == CURLM_OK &&
		    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetcher) == CURLM_OK &&
		    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK;

	return good ? ERR_OK : ERR_UNSUPPORTED;
}

void multi_close(struct fetcher *fetcher)
{
	if (fetcher->multi != NULL) {
		(void)curl_multi_cleanup(fetcher->multi);
		fetcher->multi = NULL;
	}
	wheel_cancel(fetcher->wheel, &fetcher->multi_timer);
	net_watch_free(fetcher->watch);
	fetcher->watch = NULL;
}

enum err multi_add(struct flight *flight)
{
	assert(!flight->added);
	CURLMcode code = curl_multi_add_handle(flight->fetcher->multi, flight->easy);

	if (code != CURLM_OK) {
		return code == CURLM_OUT_OF_MEMORY ? ERR_NOMEM : ERR_STATE;
	}
	flight->added = true;
	return ERR_OK;
}

void multi_remove(struct flight *flight)
{
	if (flight->added) {
		flight->added = false;
		(void)curl_multi_remove_handle(flight->fetcher->multi, flight->easy);
	}
}
