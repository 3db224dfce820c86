"""What the corpus says about Kinglet is what the program and the READMEs say.

    KINGLET=../../bazel-bin/kinglet /usr/bin/python3 -m unittest reference_test

Asks the program for its help, its commands and its defaults, and reads the READMEs and BUILD files of the tree.
`bazel test //tools/train:reference_test` builds the program first.
"""

import os
import re
import subprocess
import tempfile
import unittest

import topics_kinglet
import topics_reference as reference

ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
PROGRAM = os.environ.get("KINGLET", os.path.join(ROOT, "bazel-bin", "kinglet"))


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def expected(rows):
    """The names of the rows that this tree must have."""
    return sorted({row[0] for row in rows})


def run(*arguments, text=""):
    with tempfile.TemporaryDirectory() as folder:  # neither history nor files of the caller
        done = subprocess.run([PROGRAM, *arguments], input=text, capture_output=True, text=True, timeout=120, env={"HOME": folder, "PATH": os.environ.get("PATH", "")})
    return done.stdout + done.stderr


def flags_of_chat():
    """{every name of a flag: its default or ""}"""
    found, names = {}, []
    for line in run("help", "chat").splitlines():
        row = re.match(r"  (-[^\s,]+(?:, -[^\s,]+)*)( |$)", line)
        if row:
            names = row.group(1).split(", ")
            found.update({name: "" for name in names})
        if not line.startswith("  "):
            names = []
        elif names:
            for name in names:
                found[name] += " " + line.strip()
    defaults = {}
    for name, text in found.items():
        default = re.search(r"\[default\s+([^;\]]+)", text)
        defaults[name] = default.group(1).strip() if default else ""
    return defaults


def answers_of(intents):
    return {intent.name: intent.answers[0] for intent in intents}


@unittest.skipUnless(os.path.exists(PROGRAM), f"no program {PROGRAM}: build //:kinglet or set KINGLET")
class ProgramTest(unittest.TestCase):
    def test_every_flag_of_the_chat_has_its_row_and_no_other(self):
        flags = flags_of_chat()
        self.assertGreater(len(flags), 30)
        told = expected(reference.FLAGS)
        self.assertEqual([flag for flag in told if flag not in flags], [], "the corpus tells of flags that the chat does not have")
        helped = run("help", "chat")
        rows = [re.match(r"  (-[^\s,]+(?:, -[^\s,]+)*)", line).group(1).split(", ") for line in helped.splitlines() if re.match(r"  -", line)]
        self.assertEqual([names for names in rows if not set(names) & set(told)], [], "flags of the chat without a row in topics_reference.FLAGS")

    def test_defaults_in_answers_are_the_programs(self):
        flags = flags_of_chat()
        checked = 0
        present = expected(reference.FLAGS)
        for row in [row for row in reference.FLAGS if row[0] in present]:
            told = re.search(r"The default is ([-\w.]+?)[.,](?: |$)", row[-1])
            if told:
                self.assertEqual(told.group(1), flags[row[0]], row[0])
                checked += 1
            elif flags[row[0]]:
                self.fail(f"{row[0]} has the default {flags[row[0]]}, which its answer does not name")
        self.assertGreater(checked, 15)

    def test_every_slash_command_has_its_row_and_no_other(self):
        listed = re.findall(r"^  (/[a-z]+)", run("chat", text="/help\n"), re.M)
        self.assertGreater(len(listed), 8)
        self.assertEqual(expected(reference.COMMANDS), sorted(set(listed)))

    def test_every_subcommand_has_its_row_and_no_other(self):
        text = run("help")
        listed = re.findall(r"^  ([a-z][a-z-]*) ", text[text.index("Commands:") :], re.M)
        self.assertEqual(expected(reference.TOOLS), sorted(set(listed) - {"help"}))

    def test_the_actions_of_bank_are_the_programs(self):
        if "bank" not in expected(reference.TOOLS):
            self.skipTest("this tree has no kinglet bank")
        text = run("help", "bank")
        for action, _, answer in reference.BANK_TOOLS:
            self.assertRegex(text, rf"\b{action}\b")
            self.assertIn(f"kinglet bank {action}", answer)


class TreeTest(unittest.TestCase):
    def test_the_plugins_are_those_that_are_built(self):
        built = re.findall(r'"//plugins/(\w+)"', read("plugins", "BUILD.bazel"))
        self.assertEqual(expected(reference.PLUGINS), sorted(set(built)))

    def test_lists_name_every_row(self):
        answers = answers_of(topics_kinglet.INTENTS)
        for name, rows in (("which_plugins", reference.PLUGINS), ("list_commands", reference.COMMANDS), ("subcommands", reference.TOOLS)):
            self.assertEqual([row[0] for row in rows if not re.search(rf"(?<![\w-]){re.escape(row[0])}(?![\w-])", answers[name])], [], name)

    def test_the_exit_statuses_are_those_of_the_readme(self):
        table = read("tools", "README.md").split("## Exit statuses", 1)[1]
        listed = re.findall(r"^\| (\d+) \|", table, re.M)
        self.assertEqual([row[0] for row in reference.ERRORS], listed)

    def test_what_answers_name_exists(self):
        """Flags, slash commands, subcommands and paths that any answer about Kinglet mentions."""
        flags, commands = {row[0] for row in reference.FLAGS}, {row[0] for row in reference.COMMANDS}
        tools = {row[0] for row in reference.TOOLS} | {"help"}
        folders = set(os.listdir(ROOT))
        for intent in topics_kinglet.INTENTS + reference.INTENTS:
            for answer in intent.answers:
                for flag in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", answer):
                    if flag != "--write-profile":
                        self.assertIn(flag, flags | {"-r"}, answer)
                for command in re.findall(r"(?<![\w/:.])/[a-z]+\b", answer):
                    self.assertIn(command, commands, answer)
                for tool in re.findall(r"(?:command|Use|example:|tool|with|Yes,) kinglet ([a-z][a-z-]*)", answer):
                    self.assertIn(tool, tools, answer)
                for path in re.findall(r"(?<![\w/])([a-z_]+)/(?=[\s,.a-z])", answer):
                    self.assertIn(path, folders, answer)
                for path in re.findall(r"(?<![\w/])((?:core|tools|plugins|third_party|tests)/[\w/.]*\w)", answer):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, path)), answer)

    def test_what_the_readme_promises_is_what_answers_say(self):
        answers, readme = answers_of(topics_kinglet.INTENTS), read("README.md")
        for family in ("Qwen2", "Qwen3", "Mixtral", "Llama", "SmallThinker"):
            self.assertTrue(family in answers["which_models"] and family in readme, family)
        for command in ("bazel run //:chat", "third_party/install.sh"):
            self.assertTrue(command in answers["start_chat"] and command in readme, command)
        self.assertTrue("bazel test //..." in answers["run_tests"] and "bazel test //..." in readme)
        self.assertTrue("Apache-2.0" in answers["license"] and "Apache-2.0" in readme)
        self.assertTrue("core/capi/kinglet.h" in answers["c_api"] and "core/capi/kinglet.h" in readme)


if __name__ == "__main__":
    unittest.main()
