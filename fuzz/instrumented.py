"""Fuzzes one target until libFuzzer's options say stop. usage: instrumented.py TARGET OPTION…"""

import sys

import atheris

# libFuzzer ends the process by itself, and atheris says a line for each module that it instruments.
with atheris.instrument_imports(include=["trigger"]):
    import targets

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], targets.TARGETS[sys.argv[1]])
    atheris.Fuzz()
