#include "apiserver/impersonation.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "apiserver/service_account.h"
#include "http/scan.h"
#include "http/url.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kPrefix = "Impersonate-";
constexpr std::string_view kExtraPrefix = "Impersonate-Extra-";
constexpr const char* kAuthenticationGroup = "authentication.k8s.io";
/// A refusal shows this much of a value.
constexpr std::size_t kShownBytesMax = 128;

bool has_prefix(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() &&
         http::equals_ignoring_case(name.substr(0, prefix.size()), prefix);
}

/// Headers have no case, and `%XX` stands for what they cannot spell.
std::string extra_key(std::string_view name) {
  std::string key(name.substr(kExtraPrefix.size()));
  std::ranges::transform(key, key.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return http::percent_decode(key).value_or(key);
}

/// What the headers ask for; nullopt when there are none.
Result<std::optional<User>> asked_for(const http::Headers& headers) {
  User asked;
  std::size_t values = 0;
  for (const auto& [name, value] : headers) {
    if (!has_prefix(name, kPrefix)) continue;
    if (++values > kImpersonatedValuesMax) {
      return fail(ErrorCode::kBadRequest, fmt::format("more than {} values of Impersonate headers",
                                                      kImpersonatedValuesMax));
    }
    if (http::equals_ignoring_case(name, "Impersonate-User")) {
      // Two readers could take a different one of several.
      if (!asked.name.empty())
        return fail(ErrorCode::kBadRequest, "Impersonate-User: there may be only one");
      asked.name = value;
    } else if (http::equals_ignoring_case(name, "Impersonate-Uid")) {
      if (!asked.uid.empty())
        return fail(ErrorCode::kBadRequest, "Impersonate-Uid: there may be only one");
      asked.uid = value;
    } else if (http::equals_ignoring_case(name, "Impersonate-Group")) {
      asked.groups.push_back(value);
    } else if (has_prefix(name, kExtraPrefix)) {
      asked.extra[extra_key(name)].push_back(value);
    } else {
      // Whoever sends it means to be less than itself.
      return fail(ErrorCode::kBadRequest,
                  fmt::format("{}: unknown header", name.substr(0, kShownBytesMax)));
    }
  }
  if (values == 0) return std::optional<User>();
  if (asked.name.empty()) {
    return fail(ErrorCode::kBadRequest,
                "requested groups, a uid or extra values without impersonating a user");
  }
  return std::optional(std::move(asked));
}

RequestInfo attributes(std::string group, std::string resource, std::string name) {
  RequestInfo info;
  info.is_resource = true;
  info.verb = "impersonate";
  info.group = std::move(group);
  info.version = "v1";
  info.resource = std::move(resource);
  info.name = std::move(name);
  return info;
}

/// The user may be each of the things asked for.
Result<> check(Authorizer& authorizer, const User& user, const User& asked) {
  RequestInfo who = attributes("", "users", asked.name);
  if (auto account = ServiceAccountName::of(asked.name)) {
    who = attributes("", "serviceaccounts", std::move(account->name));
    who.name_space = std::move(account->name_space);
  }
  INSULA_TRY_VOID(authorizer.authorize(user, who));
  for (const std::string& group : asked.groups)
    INSULA_TRY_VOID(authorizer.authorize(user, attributes("", "groups", group)));
  if (!asked.uid.empty())
    INSULA_TRY_VOID(
        authorizer.authorize(user, attributes(kAuthenticationGroup, "uids", asked.uid)));
  for (const auto& [key, values] : asked.extra) {
    for (const std::string& value : values) {
      RequestInfo extra = attributes(kAuthenticationGroup, "userextras", value);
      extra.subresource = key;
      INSULA_TRY_VOID(authorizer.authorize(user, extra));
    }
  }
  return {};
}

/// The groups that everybody has of whom the headers say nothing.
void complete_groups(User& user) {
  const auto account = ServiceAccountName::of(user.name);
  if (user.groups.empty() && account) user.groups = account->groups();
  if (user.name == kAnonymous) {
    if (!user.in(kUnauthenticated)) user.groups.emplace_back(kUnauthenticated);
  } else if (!user.in(kAuthenticated) && !user.in(kUnauthenticated)) {
    user.groups.emplace_back(kAuthenticated);
  }
}

}  // namespace

Result<User> impersonate(Authorizer& authorizer, User user, const http::Headers& headers) {
  INSULA_TRY(std::optional<User> asked, asked_for(headers));
  if (!asked) return user;
  INSULA_TRY_VOID(check(authorizer, user, *asked));
  complete_groups(*asked);
  return *std::move(asked);
}

}  // namespace insula::apiserver
