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
