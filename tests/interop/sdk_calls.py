"""Calls of the official Python libraries; prints what came back as one line of JSON: `sdk_calls.py GATEWAY TENANT KEY`."""
import json
import sys

import anthropic
import openai

gateway, tenant, key = sys.argv[1:]
chat = {"model": "llm-sim", "max_tokens": 5, "messages": [{"role": "user", "content": "hello there"}]}
tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


def client(base, credential=key, **more):
    return openai.OpenAI(base_url=f"{gateway}{base}/v1", api_key=credential, max_retries=0, **more)


def error_of(call):
    try:
        call()
        return "none"
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        return f"{type(error).__name__} {error.status_code} {getattr(error, 'code', None)}"


def openai_calls():
    api = client(f"/{tenant}")
    stream = list(api.chat.completions.create(**chat, stream=True, stream_options={"include_usage": True}))
    raw = api.chat.completions.with_raw_response.create(**chat)
    return {
        "models": [model.id for model in api.models.list()],
        "chat": api.chat.completions.create(**chat).usage.completion_tokens,
        "keyAlone": client("").chat.completions.create(**chat).object,
        "streamPieces": sum(1 for chunk in stream if chunk.choices and chunk.choices[0].delta.content),
        "streamUsage": stream[-1].usage.completion_tokens,
        "tools": api.chat.completions.create(**chat, tools=tools).choices[0].finish_reason,
        "completion": api.completions.create(model="llm-sim", prompt="once", max_tokens=3).usage.completion_tokens,
        "embedding": len(api.embeddings.create(model="llm-sim", input=["a", "b"]).data),
        "remaining": int(raw.headers["x-ratelimit-remaining-requests"]) > 0,
        "errors": [error_of(lambda: client(f"/{tenant}", "wrong").models.list()),
                   error_of(lambda: client("/nobody").models.list()),
                   error_of(lambda: api.chat.completions.create(model="llm-sim", messages=[], max_tokens=-1)),
                   error_of(lambda: api.chat.completions.create(**chat, extra_headers={"X-Sim-Error": "503"}))],
    }


def anthropic_calls():
    api = anthropic.Anthropic(base_url=f"{gateway}/{tenant}", api_key=key, max_retries=0)
    say = {"model": "claude", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
    with api.messages.stream(**say) as stream:
        streamed = "".join(stream.text_stream)
        usage = stream.get_final_message().usage.output_tokens
    weather = [{"name": "weather", "description": "tells it", "input_schema": {"type": "object", "properties": {}}}]
    called = api.messages.create(**say, tools=weather).content[-1]
    wrong = anthropic.Anthropic(base_url=f"{gateway}/{tenant}", api_key="wrong", max_retries=0)
    return {
        "message": api.messages.create(**say).content[0].text,
        "streamed": streamed,
        "streamUsage": usage,
        "tool": f"{called.name} {called.input['city']}",
        "count": api.messages.count_tokens(model="claude", messages=say["messages"]).input_tokens,
        "errors": [error_of(lambda: wrong.messages.create(**say))],
    }


print(json.dumps({"openai": openai_calls(), "anthropic": anthropic_calls()}))
