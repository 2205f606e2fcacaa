"""The rivals of `chat.py`: NAME URL ROWS FOLDER → one line of JSON. Needs none of persona_forge.

Each asks the same questions for the same schema, 32 at a time, writes what came to its own storage and counts the
replies that fit the schema. Settings that only a benchmark needs are said where they stand. CPU seconds are those of
the process and its children, imports apart.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

AT_ONCE, TRIES = 32, 6
SYSTEM = 'You are a nurse. Reply as JSON: {"speaker": "nurse", "line": …, "mood": 1 to 5}.'
Job = Callable[[], int]
"""Asks everything, and counts what can be used."""


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    speaker: Literal["nurse"]
    line: str = Field(min_length=1, max_length=80)
    mood: int = Field(ge=1, le=5)


def question(row: int) -> str:
    return f"row-{row}: say good morning to patient {row}, in one short sentence."


def messages(row: int) -> list[Any]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question(row)}]


FORMAT: Any = {
    "type": "json_schema",
    "json_schema": {"name": "Line", "schema": Line.model_json_schema(), "strict": True},
}


def usable(text: str) -> bool:
    try:
        Line.model_validate_json(text)
    except ValidationError:
        return False
    return True


class Bare:
    """What one writes in an afternoon: so many workers, waits that double, a line of JSON for each reply."""

    def __init__(self, rows: int, folder: Path) -> None:
        self.path = folder / "replies.jsonl"
        done = {json.loads(line)["row"] for line in self.path.open()} if self.path.exists() else set()
        self.good = len(done)
        self.todo = iter([row for row in range(rows) if row not in done])
        self.file = self.path.open("a", buffering=1)

    async def work(self, ask: Callable[[int], Any]) -> None:
        for row in self.todo:
            for tried in range(TRIES):
                text, wait = await ask(row)
                if text is not None and usable(text):
                    self.file.write(json.dumps({"row": row, "reply": text}) + "\n")
                    self.good += 1
                    break
                if text is None:
                    await asyncio.sleep(wait if wait is not None else 0.5 * 2**tried)

    async def all(self, ask: Callable[[int], Any]) -> int:
        await asyncio.gather(*(self.work(ask) for _ in range(AT_ONCE)))
        self.file.close()
        return self.good


def bare_aiohttp(url: str, rows: int, folder: Path) -> Job:
    import aiohttp

    async def run() -> int:
        async with aiohttp.ClientSession() as session:

            async def ask(row: int) -> tuple[str | None, float | None]:
                body = {"model": "m", "messages": messages(row), "max_tokens": 512, "response_format": FORMAT}
                async with session.post(f"{url}/chat/completions", json=body) as answer:
                    if answer.status != 200:
                        after = answer.headers.get("Retry-After")
                        return None, float(after) if after else None
                    return (await answer.json())["choices"][0]["message"]["content"], None

            return await Bare(rows, folder).all(ask)

    return lambda: asyncio.run(run())


def async_openai(url: str, rows: int, folder: Path) -> Job:
    import openai

    async def run() -> int:
        http = openai.DefaultAioHttpClient()
        async with openai.AsyncOpenAI(base_url=url, api_key="none", http_client=http, max_retries=TRIES) as client:

            async def ask(row: int) -> tuple[str | None, float | None]:
                answer = await client.chat.completions.create(
                    model="m", messages=messages(row), max_tokens=512, response_format=FORMAT
                )
                return answer.choices[0].message.content, None

            return await Bare(rows, folder).all(ask)

    return lambda: asyncio.run(run())


def curator(url: str, rows: int, folder: Path) -> Job:
    """More requests and tokens a minute than it ever sends; without them it asks the endpoint for its limits."""
    import litellm

    os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(litellm.__file__).parent / "litellm_core_utils" / "tokenizers")
    os.environ.update(TELEMETRY_ENABLED="false", CURATOR_DISABLE_RICH_DISPLAY="1", OPENAI_API_KEY="none")
    from bespokelabs import curator as rival

    class Asker(rival.LLM):
        response_format = Line

        def prompt(self, input: Any) -> Any:
            return messages(input["row"])

        def parse(self, input: Any, response: Any) -> Any:
            return [{"row": input["row"], **response.model_dump()}]

    def job() -> int:
        params = {"base_url": url, "max_requests_per_minute": 10_000_000, "max_tokens_per_minute": 10**10,
                  "max_concurrent_requests": AT_ONCE, "max_retries": TRIES, "require_all_responses": False,
                  "seconds_to_pause_on_rate_limit": 1}  # fmt: skip
        asker = Asker(model_name="gpt-4o-mini", backend="openai", backend_params=params,
                      generation_params={"max_tokens": 512})  # fmt: skip
        return len(asker([{"row": row} for row in range(rows)], working_dir=str(folder)).dataset)

    return job


def data_designer(url: str, rows: int, folder: Path) -> Job:
    """A cooldown of one second after a 429 and no early stop: as it comes it waits far longer, and gives up."""
    import data_designer.config as dd
    import pandas as pd
    from data_designer.interface import DataDesigner

    def job() -> int:
        provider = dd.ModelProvider(name="here", endpoint=url, api_key="none")
        parameters = dd.ChatCompletionInferenceParams(max_parallel_requests=AT_ONCE, max_tokens=512)
        model = dd.ModelConfig(alias="m", model="m", provider="here", inference_parameters=parameters,
                               skip_health_check=True)  # fmt: skip
        designer = DataDesigner(artifact_path=folder, model_providers=[provider])
        designer.set_run_config(
            dd.RunConfig(
                disable_early_shutdown=True,
                max_conversation_restarts=TRIES,
                request_admission=dd.RequestAdmissionTuningConfig(cooldown_seconds=1.0),
            )
        )
        builder = dd.DataDesignerConfigBuilder(model_configs=[model])
        builder.with_seed_dataset(
            dd.DataFrameSeedSource(df=pd.DataFrame({"question": [question(r) for r in range(rows)]}))
        )
        builder.add_column(
            dd.LLMStructuredColumnConfig(
                name="reply", model_alias="m", system_prompt=SYSTEM, prompt="{{ question }}", output_format=Line
            )
        )
        made = designer.create(builder, num_records=rows, dataset_name="run", resume=dd.ResumeMode.IF_POSSIBLE)
        return int(made.load_dataset()["reply"].notna().sum())

    return job


def distilabel(url: str, rows: int, folder: Path) -> Job:
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    def job() -> int:
        with Pipeline(name="run", cache_dir=folder) as pipeline:
            load = LoadDataFromDicts(data=[{"instruction": question(r), "system_prompt": SYSTEM} for r in range(rows)],
                                     batch_size=1000)  # fmt: skip
            parameters = {"max_new_tokens": 512, "extra_body": {"response_format": FORMAT}}
            llm = OpenAILLM(model="m", base_url=url, api_key="none", max_retries=TRIES, generation_kwargs=parameters)
            load >> TextGeneration(llm=llm, input_batch_size=AT_ONCE)
        found = pipeline.run(use_cache=True)["default"]["train"]["generation"]
        return sum(text is not None and usable(text) for text in found)

    return job


RIVALS = {
    "bare aiohttp": bare_aiohttp,
    "AsyncOpenAI": async_openai,
    "curator": curator,
    "DataDesigner": data_designer,
    "distilabel": distilabel,
}


def measured(job: Job) -> dict[str, float]:
    """Runs a job; how it went, as the benchmark prints it."""

    def spent() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in both)

    before, wall = spent(), time.perf_counter()
    good = job()
    return {"good": good, "cpu": spent() - before, "wall": time.perf_counter() - wall}


if __name__ == "__main__":
    name, address, number, folder = sys.argv[1:]
    print(json.dumps(measured(RIVALS[name](address, int(number), Path(folder)))))
