#!/bin/sh
# SPDX-License-Identifier: 0BSD
# clang-tidy and cppcheck have nothing to say.
tools/compile-commands >compile_commands.json.new && mv compile_commands.json.new compile_commands.json &&
    exec tools/lint --tap
