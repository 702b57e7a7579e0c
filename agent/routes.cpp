// SPDX-License-Identifier: Apache-2.0
#include "agent/routes.h"

#include "agent/deadline.h"
#include "exporter/encoding/encoder.h"
#include "exporter/encoding/gzip.h"
#include "exporter/encoding/negotiation.h"
#include "exporter/http/landing.h"

namespace plimsoll::agent {
namespace {

using exporter::Handler;
using exporter::Request;
using exporter::Response;

// Below so many samples compression costs its 150 KB of memory and saves less than a packet.
constexpr size_t kWorthCompressing = 8;

// In the format and compression that the request asks for. The page lives until its last byte is sent; nothing is
// encoded before the first piece is asked for, which HEAD never does.
Response page_response(SharedPage page, const Request& request, const AgentOptions& options) {
  const exporter::Format format = exporter::negotiate_format(request.header("Accept"));
  std::unique_ptr<exporter::Encoder> encoder =
      exporter::make_encoder(format, *page, {.created = options.openmetrics_created});
  Response response;
  response.content_type = exporter::content_type(format);
  response.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  if (options.compress && page->sample_count() >= kWorthCompressing &&
      exporter::wants_gzip(request.header("Accept-Encoding"))) {
    encoder = std::make_unique<exporter::GzipEncoder>(std::move(encoder));
    response.headers.emplace_back("Content-Encoding", "gzip");
  }
  const std::shared_ptr<exporter::Encoder> shared = std::move(encoder);  // a std::function can be copied
  response.next = [page = std::move(page), shared](std::string& piece) { return shared->next(piece); };
  return response;
}

Response text_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Response landing_response(const std::string& start, const std::string& metrics) {
  const std::string cadvisor = metrics + "/cadvisor", node = metrics + "/node";
  const std::string healthz = start + "/healthz", ready = start + "/-/ready";
  const exporter::Link links[] = {
      {metrics, "everything: this host, its containers, this agent"},
      {cadvisor, "containers and the machine, under the names of cAdvisor"},
      {node, "this host, under the names of node_exporter"},
      {healthz, "says ok while this process serves; /-/healthy is the same"},
      {ready, "says ok once a first collection has succeeded"},
  };
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = exporter::landing_page("Plimsoll", PLIMSOLL_VERSION, links);
  return response;
}

using Page = SharedPage (Scraper::*)(int64_t deadline_ns, const Selection& selection);

Handler page_handler(const AgentOptions& options, Scraper& scraper, Page page) {
  return [options, &scraper, page](const Request& request) {
    const auto selection = Selection::parse(request.query, scraper.selectable());
    if (!selection) return text_response(400, selection.error().message() + "\n");
    const int64_t deadline_ns = scrape_deadline(request.header(kTimeoutHeader), options.timeout_offset, monotonic_ns());
    return page_response((scraper.*page)(deadline_ns, *selection), request, options);
  };
}

}  // namespace

std::map<std::string, Handler> make_routes(const AgentOptions& options, Scraper& scraper) {
  const std::string& start = options.route_prefix;
  const std::string metrics = start + options.metrics_path;
  const Handler landing = [start, metrics](const Request&) { return landing_response(start, metrics); };
  const Handler healthy = [](const Request&) { return text_response(200, "ok\n"); };
  std::map<std::string, Handler> routes = {
      {start + "/", landing},
      {metrics, page_handler(options, scraper, &Scraper::all)},
      {metrics + "/cadvisor", page_handler(options, scraper, &Scraper::container)},
      {metrics + "/node", page_handler(options, scraper, &Scraper::node)},
      {start + "/healthz", healthy},
      {start + "/-/healthy", healthy},
      {start + "/-/ready",
       [&scraper](const Request&) {
         return scraper.ready() ? text_response(200, "ok\n") : text_response(503, "no collection has succeeded yet\n");
       }},
  };
  if (!start.empty()) routes.emplace(start, landing);
  return routes;
}

std::vector<std::string> route_names(const AgentOptions& options) {
  const std::string& metrics = options.metrics_path;
  return {"/", metrics, metrics + "/cadvisor", metrics + "/node", "/healthz", "/-/healthy", "/-/ready"};
}

std::string route_name(const AgentOptions& options, const std::string& route) {
  if (route.empty() || !route.starts_with(options.route_prefix)) return "";
  const std::string name = route.substr(options.route_prefix.size());
  return name.empty() ? "/" : name;
}

}  // namespace plimsoll::agent
