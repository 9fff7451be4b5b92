"""Reads the part of a Dockerfile's language that ours is written in."""

import json
import re
import shlex


class Stage:
    """What one FROM begins: its steps in order, as (instruction, text)."""

    def __init__(self, base):
        self.base = base
        self.steps = []

    def all(self, instruction):
        return [text for name, text in self.steps if name == instruction]

    def last(self, instruction):
        return self.all(instruction)[-1]

    @property
    def environment(self):
        return dict(word.split("=", 1) for text in self.all("ENV") for word in shlex.split(text))

    @property
    def copies(self):
        """(stage or None, sources, target) of each COPY."""
        for text in self.all("COPY"):
            words = shlex.split(text)
            stage = words.pop(0).partition("=")[2] if words[0].startswith("--from=") else None
            yield stage, words[:-1], words[-1]

    @property
    def command(self):
        return json.loads(self.last("ENTRYPOINT")) + json.loads(self.last("CMD"))

    @property
    def health_check(self):
        """Its options, and the command."""
        options, command = self.last("HEALTHCHECK").split(" CMD ")
        return dict(re.findall(r"--([a-z-]+)=(\S+)", options)), json.loads(command)


def read(path):
    lines = [line for line in path.read_text().split("\n") if line and not line.startswith("#")]
    stages = []
    for line in "\n".join(lines).replace("\\\n", "").split("\n"):
        instruction, _, text = line.partition(" ")
        if instruction == "FROM":
            stages.append(Stage(text.split(" ")[0]))
        elif stages:
            stages[-1].steps.append((instruction, text.strip()))
    return stages
