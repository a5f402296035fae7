#include "client/kubeconfig.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "json/value.h"
#include "json/yaml.h"

namespace insula::client {

namespace {

/// Every scalar stays text: a kubeconfig has no numbers, and a token of digits must keep its zeros.
Result<json::Value> read_yaml(std::string_view text) {
  if (text.size() > kKubeconfigBytesMax) return fail(ErrorCode::kTooLarge, "larger than 4 MiB");
  auto root = json::parse_yaml_document(text, json::YamlScalars::kText);
  if (!root) return fail(ErrorCode::kInvalid, root.error().message());
  return root;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail_errno("open " + path, errno);
  std::string text(kKubeconfigBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail_errno("read " + path, errno);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kKubeconfigBytesMax)
    return fail(ErrorCode::kTooLarge, path + ": larger than 4 MiB");
  return text;
}

// The `member` of the entry called `name` in the list `list`.
Result<const json::Value*> find_entry(const json::Value& root,
                                      const char* list,
                                      const char* member,
                                      std::string_view name) {
  if (const json::Array* entries = root[list].as_array()) {
    for (const json::Value& entry : *entries) {
      if (entry["name"].text() == name) return &entry[member];
    }
  }
  return fail(ErrorCode::kInvalid, fmt::format("{}: no entry named \"{}\"", list, name));
}

// `key-data` holds it in base64, `key` names a file.
Result<std::string> read_pem(const json::Value& entry,
                             const std::string& key,
                             const std::string& directory) {
  if (const json::Value* inline_data = entry.find(key + "-data"); inline_data != nullptr) {
    Result<std::string> pem = api::base64_decode(inline_data->text());
    if (!pem) return std::unexpected(std::move(pem).error().in(key + "-data"));
    return pem;
  }
  const std::string_view path = entry[key].text();
  if (path.empty()) return std::string();
  return read_file((std::filesystem::path(directory) / path).string());
}

Result<> refuse(const json::Value& entry, std::string_view key) {
  const json::Value* value = entry.find(key);
  if (value == nullptr || value->text("x").empty() || value->text() == "false") return {};
  return fail(ErrorCode::kInvalid, fmt::format("{} is not supported", key));
}

Result<> read_cluster(const json::Value& cluster,
                      const std::string& directory,
                      Kubeconfig& config) {
  INSULA_TRY_VOID(refuse(cluster, "insecure-skip-tls-verify"));
  INSULA_TRY_VOID(refuse(cluster, "proxy-url"));
  config.server = cluster["server"].text();
  config.tls_server_name = cluster["tls-server-name"].text();
  if (config.server.empty()) return fail(ErrorCode::kInvalid, "server is missing");
  INSULA_TRY(config.ca_pem, read_pem(cluster, "certificate-authority", directory));
  return {};
}

Result<> read_user(const json::Value& user, const std::string& directory, Kubeconfig& config) {
  for (const char* key : {"exec", "auth-provider", "username", "password", "as"}) {
    INSULA_TRY_VOID(refuse(user, key));
  }
  INSULA_TRY(config.client_certificate_pem, read_pem(user, "client-certificate", directory));
  INSULA_TRY(config.client_key_pem, read_pem(user, "client-key", directory));
  config.token = user["token"].text();
  const std::string_view token_file = user["tokenFile"].text();
  if (config.token.empty() && !token_file.empty()) {
    INSULA_TRY(config.token, read_file((std::filesystem::path(directory) / token_file).string()));
    while (!config.token.empty() && config.token.back() == '\n')
      config.token.pop_back();
  }
  return {};
}

}  // namespace

Result<Kubeconfig> parse_kubeconfig(std::string_view text,
                                    const std::string& directory,
                                    const std::string& context) {
  INSULA_TRY(const json::Value root, read_yaml(text));
  Kubeconfig config;
  config.context = context.empty() ? std::string(root["current-context"].text()) : context;
  if (config.context.empty()) return fail(ErrorCode::kInvalid, "current-context is not set");
  INSULA_TRY(const json::Value* chosen, find_entry(root, "contexts", "context", config.context));
  config.name_space = (*chosen)["namespace"].text();
  const std::string cluster_name((*chosen)["cluster"].text());
  const std::string user_name((*chosen)["user"].text());
  INSULA_TRY(const json::Value* cluster, find_entry(root, "clusters", "cluster", cluster_name));
  if (Result<> read = read_cluster(*cluster, directory, config); !read) {
    return std::unexpected(std::move(read).error().in(fmt::format("cluster \"{}\"", cluster_name)));
  }
  if (user_name.empty()) return config;
  INSULA_TRY(const json::Value* user, find_entry(root, "users", "user", user_name));
  if (Result<> read = read_user(*user, directory, config); !read) {
    return std::unexpected(std::move(read).error().in(fmt::format("user \"{}\"", user_name)));
  }
  return config;
}

Result<Kubeconfig> load_kubeconfig(const std::string& path, const std::string& context) {
  INSULA_TRY(const std::string text, read_file(path));
  Result<Kubeconfig> config =
      parse_kubeconfig(text, std::filesystem::path(path).parent_path().string(), context);
  if (!config) return std::unexpected(std::move(config).error().in(path));
  return config;
}

std::string write_kubeconfig(const Kubeconfig& config) {
  const auto line = [](std::string_view key, const std::string& value) {
    return value.empty() ? std::string() : fmt::format("    {}: {}\n", key, value);
  };
  const auto encoded = [&](std::string_view key, const std::string& pem) {
    return line(key, pem.empty() ? std::string() : api::base64_encode(pem));
  };
  return "apiVersion: v1\nkind: Config\nclusters:\n- name: insula\n  cluster:\n" +
         line("server", config.server) + line("tls-server-name", config.tls_server_name) +
         encoded("certificate-authority-data", config.ca_pem) +
         "users:\n- name: insula\n  user:\n" +
         encoded("client-certificate-data", config.client_certificate_pem) +
         encoded("client-key-data", config.client_key_pem) + line("token", config.token) +
         "contexts:\n- name: insula\n  context:\n    cluster: insula\n    user: insula\n" +
         line("namespace", config.name_space) + "current-context: insula\n";
}

}  // namespace insula::client
