"""Calls of the official OpenAI library to a real model; prints what came back as one line of JSON:
`backend_calls.py GATEWAY TENANT MODEL KEY LIMITED_KEY REVOKED_KEY`. The limited key has two requests."""
import asyncio
import json
import sys

import openai

gateway, tenant, model, key, limited, revoked = sys.argv[1:]
chat = {"model": model, "max_tokens": 12, "temperature": 0, "messages": [{"role": "user", "content": "Say hello."}]}


def client(credential, kind=openai.OpenAI):
    return kind(base_url=f"{gateway}/{tenant}/v1", api_key=credential, max_retries=0, timeout=120)


def error_of(credential):
    try:
        client(credential).chat.completions.create(**chat)
        return "none"
    except openai.APIStatusError as error:
        return f"{type(error).__name__} {error.status_code} {error.code}"


async def at_once():
    api = client(key, openai.AsyncOpenAI)
    replies = await asyncio.gather(*(api.chat.completions.create(**chat) for _ in range(3)))
    return sum(1 for reply in replies if reply.choices[0].message.content)


api = client(key)
whole = api.chat.completions.create(**chat)
chunks = list(api.chat.completions.create(**chat, stream=True, stream_options={"include_usage": True}))
streamed = "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices)
print(json.dumps({
    "models": [each.id for each in api.models.list()],
    "chat": whole.usage.completion_tokens > 0,
    "stream": chunks[-1].usage.completion_tokens > 0,
    "same": streamed.strip() == whole.choices[0].message.content.strip(),
    "async": asyncio.run(at_once()),
    "limited": [error_of(limited) for _ in range(3)],
    "revoked": error_of(revoked),
    "none": error_of("ik_none_none"),
}))
