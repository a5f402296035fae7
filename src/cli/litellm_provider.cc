#include "cli/litellm_provider.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace insula::cli {
namespace {

constexpr std::string_view kAnthropicNote =
    "requests are passed on as they are, so clients ask /v1/messages";

struct Known {
  std::string_view prefix;
  /// Empty: the configuration must say it.
  std::string_view base_url;
  std::string_view key_header = {};
  std::string_view note = {};
};

/// Providers with an API like OpenAI's, by LiteLLM's prefix.
constexpr std::array<Known, 27> kKnown = {{
    {"openai", "https://api.openai.com/v1"},
    {"text-completion-openai", "https://api.openai.com/v1"},
    {"anthropic", "https://api.anthropic.com/v1", "x-api-key", kAnthropicNote},
    {"gemini", "https://generativelanguage.googleapis.com/v1beta/openai"},
    {"groq", "https://api.groq.com/openai/v1"},
    {"mistral", "https://api.mistral.ai/v1"},
    {"deepseek", "https://api.deepseek.com/v1"},
    {"together_ai", "https://api.together.xyz/v1"},
    {"openrouter", "https://openrouter.ai/api/v1"},
    {"fireworks_ai", "https://api.fireworks.ai/inference/v1"},
    {"perplexity", "https://api.perplexity.ai"},
    {"xai", "https://api.x.ai/v1"},
    {"cerebras", "https://api.cerebras.ai/v1"},
    {"nvidia_nim", "https://integrate.api.nvidia.com/v1"},
    {"sambanova", "https://api.sambanova.ai/v1"},
    {"deepinfra", "https://api.deepinfra.com/v1/openai"},
    {"hosted_vllm", ""},
    {"litellm_proxy", ""},
    {"lm_studio", ""},
    {"llamafile", ""},
    {"xinference", ""},
    {"infinity", ""},
    {"custom_openai", ""},
    {"openai_like", ""},
    {"databricks", ""},
    {"ollama", ""},
    {"ollama_chat", ""},
}};

/// Providers that speak something else.
struct Foreign {
  std::string_view prefix;
  std::string_view why;
};

constexpr std::array<Foreign, 11> kForeign = {{
    {"bedrock", "its requests are signed with AWS credentials"},
    {"sagemaker", "its requests are signed with AWS credentials"},
    {"vertex_ai", "its tokens are made from a Google service account"},
    {"cohere", "its API is not OpenAI's"},
    {"cohere_chat", "its API is not OpenAI's"},
    {"huggingface", "its API is not OpenAI's"},
    {"replicate", "its API is not OpenAI's"},
    {"watsonx", "its API is not OpenAI's"},
    {"azure_ai", "its API differs from model to model"},
    {"triton", "its API is not OpenAI's"},
    {"vllm", "it runs the model in LiteLLM's own process; run a server (tenant create --serve)"},
}};

/// Beginnings of names that LiteLLM knows without a prefix.
constexpr std::array<std::string_view, 10> kOpenaiNames = {
    "gpt-",    "o1",   "o3",      "o4", "chatgpt-", "text-embedding-", "text-moderation",
    "dall-e-", "tts-", "whisper-"};

std::string_view without_slash(std::string_view url) {
  while (url.ends_with('/'))
    url.remove_suffix(1);
  return url;
}

Result<LitellmTarget> azure_target(std::string_view deployment,
                                   std::string_view api_base,
                                   std::string_view api_version) {
  if (api_base.empty())
    return fail(ErrorCode::kInvalid, "azure needs api_base, the URL of the resource");
  const std::string_view base = without_slash(api_base);
  if (base.ends_with("/openai/v1"))
    return LitellmTarget{std::string(base), std::string(deployment), "api-key"};
  if (api_version.empty()) return fail(ErrorCode::kInvalid, "azure needs api_version");
  return LitellmTarget{
      fmt::format("{}/openai/deployments/{}?api-version={}", base, deployment, api_version),
      std::string(deployment), "api-key"};
}

std::string_view implied_prefix(std::string_view model) {
  if (model.starts_with("claude-")) return "anthropic";
  const bool is_openais = std::ranges::any_of(
      kOpenaiNames, [model](std::string_view start) { return model.starts_with(start); });
  return is_openais ? "openai" : "";
}

}  // namespace

Result<LitellmTarget> litellm_target(std::string_view model,
                                     std::string_view api_base,
                                     std::string_view api_version) {
  if (model.contains('*'))
    return fail(ErrorCode::kNotImplemented,
                "a list names each model; a wildcard has no counterpart");
  const std::size_t slash = model.find('/');
  std::string_view prefix = slash == model.npos ? std::string_view() : model.substr(0, slash);
  std::string_view name = slash == model.npos ? model : model.substr(slash + 1);
  if (prefix == "azure" || prefix == "azure_text") return azure_target(name, api_base, api_version);
  if (const auto foreign = std::ranges::find(kForeign, prefix, &Foreign::prefix);
      foreign != kForeign.end()) {
    return fail(ErrorCode::kNotImplemented, fmt::format("{}: {}", prefix, foreign->why));
  }
  auto known = std::ranges::find(kKnown, prefix, &Known::prefix);
  if (known == kKnown.end()) {
    // What is before the slash may be a part of the name, as in `meta-llama/Llama-3`.
    name = model;
    prefix = api_base.empty() ? implied_prefix(model) : "openai";
    known = std::ranges::find(kKnown, prefix, &Known::prefix);
  }
  if (known == kKnown.end()) {
    return fail(ErrorCode::kNotImplemented,
                fmt::format("{} is of no provider with OpenAI's API that is known here; with "
                            "api_base it would be asked there",
                            model));
  }
  std::string base(without_slash(api_base.empty() ? known->base_url : api_base));
  if (base.empty())
    return fail(ErrorCode::kInvalid, fmt::format("{} needs api_base, its URL", prefix));
  const bool is_ollama = prefix.starts_with("ollama");
  const bool lacks_version = prefix == "anthropic" && !api_base.empty();
  if ((is_ollama || lacks_version) && !base.ends_with("/v1")) base += "/v1";
  return LitellmTarget{std::move(base), std::string(name), known->key_header, known->note};
}

}  // namespace insula::cli
