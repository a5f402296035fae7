#include "apiserver/proxy_head.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

#include <fmt/format.h>

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

/// What speaks of one connection (RFC 9110 section 7.6.1), and what frames a message.
constexpr std::array kOfConnection = {"connection"sv,
                                      "keep-alive"sv,
                                      "proxy-authenticate"sv,
                                      "proxy-authorization"sv,
                                      "proxy-connection"sv,
                                      "te"sv,
                                      "trailer"sv,
                                      "transfer-encoding"sv,
                                      "upgrade"sv,
                                      "content-length"sv};

/// What says who the caller is, and what is written anew.
constexpr std::array kNotForwarded = {"authorization"sv, "expect"sv, "x-forwarded-uri"sv,
                                      "x-forwarded-for"sv, "sec-websocket-protocol"sv};
/// The same, by the beginning of names: impersonation, and what kube-apiserver reads from
/// authenticating proxies.
constexpr std::array kNotForwardedFamilies = {"impersonate-"sv, "x-remote-user"sv, "x-remote-uid"sv,
                                              "x-remote-group"sv, "x-remote-extra-"sv};

constexpr std::array kNotReturned = {"access-control-allow-credentials"sv,
                                     "access-control-allow-headers"sv,
                                     "access-control-allow-methods"sv,
                                     "access-control-allow-origin"sv,
                                     "audit-id"sv,
                                     "x-kubernetes-pf-flowschema-uid"sv,
                                     "x-kubernetes-pf-prioritylevel-uid"sv};

/// How browsers give a bearer token along with a WebSocket.
constexpr std::string_view kTokenProtocol = "base64url.bearer.authorization.k8s.io.";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool is_of_connection(const http::Headers& headers, const std::string& lower_name) {
  return std::ranges::find(kOfConnection, lower_name) != kOfConnection.end() ||
         headers.has_token("Connection", lower_name);
}

bool is_forwarded(const http::Request& request, const std::string& lower_name) {
  if (lower_name == "host") return true;
  if (is_of_connection(request.headers, lower_name)) return false;
  if (std::ranges::find(kNotForwarded, lower_name) != kNotForwarded.end()) return false;
  // A page whose links lead on can only be made of what can be read.
  const bool is_page = request.headers.get("Accept").contains("text/html");
  if (is_page && lower_name == "accept-encoding") return false;
  return std::ranges::none_of(kNotForwardedFamilies, [&](std::string_view family) {
    return lower_name.starts_with(family);
  });
}

/// The protocols that a WebSocket offers, without a token among them.
std::string protocols_without_token(const http::Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers) {
    if (lower(name) != "sec-websocket-protocol") continue;
    for (std::string_view rest = value; !rest.empty();) {
      std::string_view protocol = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(protocol.size() + 1, rest.size()));
      protocol.remove_prefix(std::min(protocol.find_first_not_of(" \t"), protocol.size()));
      protocol = protocol.substr(0, protocol.find_last_not_of(" \t") + 1);
      if (protocol.empty() || lower(protocol).starts_with(kTokenProtocol)) continue;
      if (!out.empty()) out += ", ";
      out += protocol;
    }
  }
  return out;
}

std::string forwarded_for(const http::Headers& headers, std::string_view client) {
  std::string out;
  const auto add = [&out](std::string_view address) {
    if (address.empty()) return;
    if (!out.empty()) out += ", ";
    out += address;
  };
  for (const auto& [name, value] : headers) {
    if (lower(name) == "x-forwarded-for") add(value);
  }
  add(client);
  return out;
}

bool has_body_by_method(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

bool asks_for_upgrade(const http::Request& request) {
  return request.headers.has_token("Connection", "upgrade") && request.headers.contains("Upgrade");
}

std::string forwarded_head(const http::Request& request, const ForwardedRequest& forwarded) {
  http::Headers headers;
  for (const auto& [name, value] : request.headers) {
    if (is_forwarded(request, lower(name))) headers.add(name, value);
  }
  headers.set("X-Forwarded-Uri", forwarded.uri);
  if (const auto addresses = forwarded_for(request.headers, forwarded.client); !addresses.empty())
    headers.set("X-Forwarded-For", addresses);
  if (const auto protocols = protocols_without_token(request.headers); !protocols.empty())
    headers.set("Sec-WebSocket-Protocol", protocols);
  if (asks_for_upgrade(request)) {
    headers.set("Connection", "Upgrade");
    headers.set("Upgrade", request.headers.get("Upgrade"));
  } else {
    headers.set("Connection", "close");
  }
  if (!forwarded.body_length)
    headers.set("Transfer-Encoding", "chunked");
  else if (*forwarded.body_length > 0 || has_body_by_method(request.method))
    headers.set("Content-Length", std::to_string(*forwarded.body_length));
  std::string out = fmt::format("{} {} HTTP/1.1\r\n", request.method, forwarded.target);
  for (const auto& [name, value] : headers)
    fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
  return out + "\r\n";
}

http::Headers returned_headers(const http::Headers& headers) {
  http::Headers out;
  for (const auto& [name, value] : headers) {
    const std::string lower_name = lower(name);
    const bool kept = !is_of_connection(headers, lower_name) &&
                      std::ranges::find(kNotReturned, lower_name) == kNotReturned.end();
    if (kept) out.add(name, value);
  }
  return out;
}

}  // namespace insula::apiserver
