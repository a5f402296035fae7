#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace insula::apiserver {

/// Where admission says about a write what is neither yes nor no: to its writer in Warning headers,
/// in the audit log and in metrics. Null: nobody wants to know. A small value.
struct AdmissionRemarks {
  std::vector<std::string>* warnings = nullptr;
  std::map<std::string, std::string>* annotations = nullptr;
  /// The time that webhooks took is added here.
  std::chrono::nanoseconds* waited = nullptr;

  void warn(std::string text) const {
    if (warnings != nullptr) warnings->push_back(std::move(text));
  }

  /// The first one under a key holds.
  void annotate(std::string_view key, std::string value) const {
    if (annotations != nullptr) annotations->emplace(key, std::move(value));
  }
};

}  // namespace insula::apiserver
