"""Man pages and completions say what the help texts say, and those what the commands take.

Usage: test_pages.py WEIR PAGES SOURCES; PAGES is what tools/help-pages has made, SOURCES the project's folder.
"""
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

WEIR = os.path.abspath(sys.argv[1])
PAGES, SOURCES = (pathlib.Path(a).resolve() for a in sys.argv[2:4])
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]*|-[A-Za-z])(?![\w-])")


def weir(*words):
    return subprocess.run([WEIR, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


@functools.cache
def help_of(*words):
    done = weir(*words, "--help")
    assert done.returncode == 0, (words, done)
    return done.stdout


@functools.cache
def heads(text):
    """Options that a text for people defines: those at the start of an indented line, before its explanation."""
    lines = (line.strip().split("  ")[0] for line in text.splitlines() if re.match(r" +-", line))
    return {option for head in lines for option in OPTION.findall(head)}


def commands():
    return re.findall(r"^  (\w+)  ", help_of(), re.M)


def situations():
    """(run), (flows), ..., (model), (model, show), ..."""
    for name in commands():
        yield (name,)
        match = re.match(r"usage: weir \w+ (\w+(?:\|\w+)+)", help_of(name))
        for sub in match[1].split("|") if match else []:
            if help_of(name, sub) != help_of(name):
                yield name, sub


def completed(line):
    """What bash offers for the last word of a line."""
    script = """. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _weir; printf '%s\\n' "${COMPREPLY[@]}" """
    done = subprocess.run(["bash", "-c", script, str(PAGES / "completions/weir"), *line], capture_output=True, text=True, timeout=60, cwd=SOURCES)
    assert done.stderr == "", done.stderr
    return set(done.stdout.split())


class Pages(unittest.TestCase):
    def test_there_is_a_page_for_every_command(self):
        self.assertGreater(len(commands()), 7)
        self.assertEqual({p.name for p in (PAGES / "man1").iterdir()}, {"weir.1", *(f"weir-{c}.1" for c in commands())})

    @unittest.skipUnless(shutil.which("groff"), "needs groff")
    def test_pages_list_the_options_of_the_help(self):
        for name in commands():
            page = PAGES / "man1" / f"weir-{name}.1"
            done = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-P-c", "-P-b", "-P-o", "-P-u", "-rLL=200n", page],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)
            texts = [help_of(*words) for words in situations() if words[0] == name]
            self.assertEqual(heads(done.stdout), set().union(*map(heads, texts)), name)
            for text in texts:  # and no word of them is missing
                for word in set(re.findall(r"\w{5,}", text)) - {"usage", "example", "Example", "Options"}:
                    self.assertIn(word.lower(), done.stdout.lower(), (name, word))

    def test_the_help_lists_what_a_command_takes(self):
        """In the sources: every long option that getopt is given, and every letter, is in the help text of the same file."""
        checked = 0
        for path in sorted((SOURCES / "src/cli").glob("*.c")):
            source = path.read_text()
            longs = set(re.findall(r'\{"([a-z][a-z0-9-]*)", (?:no|required)_argument', source)) - {"help"}
            text = "".join(re.findall(r'\bhelp\w*\[\] =(.*?);\n', source, re.S))
            letters = set("".join(re.findall(r'getopt_long\(argc, argv, "([\w:+-]*)"', source))) - set(":+-h")
            if longs and "usage: weir" in text:
                checked += 1
                taken = {f"--{name}" for name in longs} | {f"-{letter}" for letter in letters}
                self.assertEqual(taken - set(OPTION.findall(text)), set(), path.name)
        self.assertGreater(checked, 5)

    def test_commands_take_what_the_help_lists(self):
        for words in situations():
            for option in heads(help_of(*words)):
                refused = weir(*words, option, "--no-such-option")
                self.assertNotEqual(refused.returncode, 0)
                self.assertNotRegex(refused.stderr, rf"(unrecognized|invalid|ambiguous) option (--)? ?'{option.lstrip('-') if option[1] != '-' else option}'",
                                    words)

    @unittest.skipUnless(shutil.which("bash"), "needs bash")
    def test_bash_completes_commands_options_and_values(self):
        self.assertEqual(completed(["weir", ""]), {*commands(), "--help", "--version"})
        self.assertEqual(completed(["weir", "fl"]), {"flows"})
        for words in situations():
            offered = completed(["weir", *words, "-"])
            self.assertEqual(offered, heads(help_of(*words)) | {"-h", "--help"}, words)
        self.assertEqual(completed(["weir", "model", ""]), {"import", "show", "verify", "explain", "importance"})
        self.assertEqual(completed(["weir", "flows", "--format", "c"]), {"csv"})
        self.assertEqual(completed(["weir", "run", "--lanes", ""]), set())
        self.assertEqual(completed(["weir", "run", "--model", "LIC"]), {"LICENSE"})

    @unittest.skipUnless(shutil.which("zsh"), "needs zsh")
    def test_zsh_reads_its_completion(self):
        done = subprocess.run(["zsh", "-n", PAGES / "site-functions/_weir"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
