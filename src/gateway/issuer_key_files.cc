#include "gateway/issuer_key_files.h"

#include <cstdint>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "gateway/whole_file.h"
#include "jose/base64url.h"
#include "jose/jws_key.h"
#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::gateway {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr const char* kExtension = ".json";

}  // namespace

std::filesystem::path IssuerKeyFiles::file_of(const KeySource& source) const {
  // With lengths, so that no two sources are written alike.
  const std::string identity =
      fmt::format("{} {} {} {}{}{}", source.issuer.size(), source.jwks_uri.size(),
                  source.ca ? 1 : 0, source.issuer, source.jwks_uri, source.ca.value_or(""));
  return directory_ / (jose::base64url_encode(jose::sha256(identity)) + kExtension);
}

Result<> IssuerKeyFiles::create_directory() const {
  std::error_code failed;
  std::filesystem::create_directories(directory_, failed);
  if (failed) return fail_errno("create " + directory_.string(), failed.value());
  return {};
}

Result<SavedKeySet> IssuerKeyFiles::load(const KeySource& source) const {
  const std::filesystem::path file = file_of(source);
  INSULA_TRY(const std::string text, read_whole(file));
  const auto damaged = [&] {
    return fail(ErrorCode::kConflict, file.string() + ": not a key set of this version");
  };
  const auto value = json::parse(text);
  if (!value) return damaged();
  const auto fetched = (*value)["fetched"].as_int64();
  const auto fresh = (*value)["freshSeconds"].as_int64();
  if ((*value)["format"].as_int64() != kFormat || (*value)["issuer"].text() != source.issuer ||
      (*value)["jwksURI"].text() != source.jwks_uri || !fetched || !fresh) {
    return damaged();
  }
  return SavedKeySet{std::string((*value)["keySet"].text()),
                     WallTime(std::chrono::seconds(*fetched)), std::chrono::seconds(*fresh)};
}

Result<> IssuerKeyFiles::save(const KeySource& source, const SavedKeySet& set) const {
  const auto fetched =
      std::chrono::floor<std::chrono::seconds>(set.fetched.time_since_epoch()).count();
  return write_whole(file_of(source), json::write(json::Object{{"format", kFormat},
                                                               {"issuer", source.issuer},
                                                               {"jwksURI", source.jwks_uri},
                                                               {"fetched", fetched},
                                                               {"freshSeconds", set.fresh.count()},
                                                               {"keySet", set.text}}));
}

void IssuerKeyFiles::remove_older(WallTime oldest) const {
  const auto limit = std::filesystem::file_time_type::clock::from_sys(oldest);
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, failed)) {
    const auto written = entry.last_write_time(failed);
    if (!failed && entry.path().extension() == kExtension && written < limit)
      std::filesystem::remove(entry.path(), failed);
  }
}

}  // namespace insula::gateway
