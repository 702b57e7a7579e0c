/* SPDX-License-Identifier: Apache-2.0
 * civetweb.c as we compile it: the calls by which it reaches the kernel for its sockets go through our
 * admission.cpp, because civetweb itself has no say about who connects and how long it waits for whom.
 * The macros only rename, so the system's headers declare our functions with the right types. */
#define accept plimsoll_accept
#define close plimsoll_close
#define listen plimsoll_listen
#define poll plimsoll_poll
#define shutdown plimsoll_shutdown

#include <civetweb.c>

/* The descriptor behind a connection, which civetweb's header does not tell. */
int
plimsoll_socket_of(const struct mg_connection *connection)
{
	return connection->client.sock;
}

/* A worker's buffer keeps what its last connection sent, and civetweb's parser reads beyond what has been received.
 * Without this a client whose request says less than it seems to is answered as the client before it. */
void
plimsoll_forget_received(const struct mg_connection *connection)
{
	memset(connection->buf, 0, (size_t)connection->buf_size);
}

/* Whether the parsed head is exactly the received one. The parser skips blanks before a request (and then takes for
 * its end what may lie behind it), and stops without a word at a folded line and after MG_MAX_HEADERS headers.
 * What it has used up ends in zeros; of the empty line at the end it leaves the CR. */
int
plimsoll_head_is_whole(const struct mg_connection *connection)
{
	const struct mg_request_info *request = &connection->request_info;
	const int count = request->num_headers;
	const char *last = (count > 0) ? request->http_headers[count - 1].value : request->http_version;
	const char *const end = connection->buf + connection->request_len - 1;

	if ((request->request_method != connection->buf) || (last == NULL)) {
		return 0;
	}
	last += strlen(last);
	while ((last < end) && ((*last == 0) || ((*last == '\r') && (last + 1 == end)))) {
		last++;
	}
	return last == end;
}
