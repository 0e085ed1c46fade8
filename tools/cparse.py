# SPDX-License-Identifier: 0BSD
"""cparse.py - as much of C's grammar as mutation needs: tokens with their places, functions, and trees of statements.

It reads our own sources, which are formatted and have no statement macros with unbalanced brackets. Preprocessor lines
are skipped. Nothing is resolved: types, macros and names stay text.
"""
import re

TOKEN = re.compile(
    r"(?P<skip>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)"
    r"|(?P<string>(?:u8|[LuU])?\"(?:[^\"\\\n]|\\.)*\")"
    r"|(?P<char>[LuU]?'(?:[^'\\\n]|\\.)*')"
    r"|(?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<mark>\.\.\.|<<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[][(){};,:?=<>+\-*/%&|^!~.])",
    re.S | re.M)


class Token:
    __slots__ = ("kind", "text", "begin", "end")

    def __init__(self, kind, text, begin):
        self.kind, self.text, self.begin, self.end = kind, text, begin, begin + len(text)


def tokens_of(text):
    tokens = []
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise SyntaxError("no token at offset %d: %r" % (at, text[at:at + 20]))
        if match.lastgroup != "skip":
            tokens.append(Token(match.lastgroup, match.group(), at))
        at = match.end()
    return tokens


class Statement:
    """kind: block, if, loop, switch, label, return, jump, expression, declaration, empty. [first, last] are token
    indices. condition: (first, last) of what stands between the brackets. bodies: the statements inside."""

    def __init__(self, kind, first):
        self.kind, self.first, self.last = kind, first, first
        self.condition = None
        self.bodies = []
        self.parent = None


class Function:
    def __init__(self, name, body):
        self.name, self.body = name, body

    def statements(self):
        """All statements, outer before inner."""
        pending = [self.body]
        while pending:
            statement = pending.pop()
            yield statement
            pending.extend(reversed(statement.bodies))


class Parser:
    def __init__(self, text):
        self.text = text
        self.tokens = tokens_of(text)
        self.pairs = self.match_brackets()

    def match_brackets(self):
        pairs, open_marks = {}, []
        for index, token in enumerate(self.tokens):
            if token.kind == "mark" and token.text in "([{":
                open_marks.append(index)
            elif token.kind == "mark" and token.text in ")]}":
                begin = open_marks.pop()
                pairs[begin], pairs[index] = index, begin
        return pairs

    def is_mark(self, index, text):
        return index < len(self.tokens) and self.tokens[index].kind == "mark" and self.tokens[index].text == text

    def functions(self):
        """Every `name(...) {` at the outermost level."""
        found = []
        index = 0
        while index < len(self.tokens):
            if self.is_mark(index, "{"):
                before = index - 1
                if before >= 0 and self.is_mark(before, ")"):
                    name = self.tokens[self.pairs[before] - 1]
                    found.append(Function(name.text, self.block(index, None)))
                index = self.pairs[index] + 1
            else:
                index += 1
        return found

    def block(self, index, parent):
        statement = Statement("block", index)
        statement.parent = parent
        end = self.pairs[index]
        index += 1
        while index < end:
            inner = self.statement(index, statement)
            statement.bodies.append(inner)
            index = inner.last + 1
        statement.last = end
        return statement

    def with_condition(self, kind, index, parent):
        statement = Statement(kind, index)
        statement.parent = parent
        close = self.pairs[index + 1]
        statement.condition = (index + 2, close - 1)
        body = self.statement(close + 1, statement)
        statement.bodies.append(body)
        statement.last = body.last
        if kind == "if" and statement.last + 1 < len(self.tokens) and self.tokens[statement.last + 1].text == "else":
            other = self.statement(statement.last + 2, statement)
            statement.bodies.append(other)
            statement.last = other.last
        return statement

    def do_loop(self, index, parent):
        statement = Statement("loop", index)
        statement.parent = parent
        body = self.statement(index + 1, statement)
        statement.bodies.append(body)
        open_bracket = body.last + 2
        statement.condition = (open_bracket + 1, self.pairs[open_bracket] - 1)
        statement.last = self.pairs[open_bracket] + 1
        return statement

    def label_end(self, index):
        """Index of the colon if a label or a case begins here, else None."""
        token = self.tokens[index]
        if token.text == "case":
            while not self.is_mark(index, ":"):
                index = self.pairs[index] + 1 if self.is_mark(index, "(") else index + 1
            return index
        if token.kind == "name" and self.is_mark(index + 1, ":"):
            return index + 1
        return None

    def statement(self, index, parent):
        token = self.tokens[index]
        if self.is_mark(index, "{"):
            return self.block(index, parent)
        if token.text in ("if", "while", "for", "switch"):
            kind = {"if": "if", "switch": "switch"}.get(token.text, "loop")
            return self.with_condition(kind, index, parent)
        if token.text == "do":
            return self.do_loop(index, parent)
        colon = self.label_end(index)
        if colon is not None:
            statement = Statement("label", index)
            statement.parent = parent
            statement.last = colon
            return statement
        return self.simple(index, parent)

    def simple(self, index, parent):
        token = self.tokens[index]
        kind = {"return": "return", "goto": "jump", "break": "jump", "continue": "jump", ";": "empty"}.get(token.text)
        end = index
        while not self.is_mark(end, ";"):
            end = self.pairs[end] + 1 if self.tokens[end].text in "([{" and self.tokens[end].kind == "mark" else end + 1
        statement = Statement(kind or ("declaration" if self.is_declaration(index, end) else "expression"), index)
        statement.parent = parent
        statement.last = end
        return statement

    def is_declaration(self, index, end):
        """Two names in a row, or a type word, or `name *name`, with no call before them."""
        words = self.tokens[index:end]
        if words and words[0].text in ("static", "const", "struct", "unsigned", "union", "enum", "typedef", "_Static_assert"):
            return True
        if len(words) > 1 and words[0].kind == "name" and words[1].kind == "name":
            return True
        at = 1
        while at < len(words) and words[at].text == "*":
            at += 1
        return 1 < at < len(words) and words[0].kind == "name" and words[at].kind == "name"

    def source(self, first, last):
        return self.text[self.tokens[first].begin:self.tokens[last].end]

    def line(self, index):
        return self.text.count("\n", 0, self.tokens[index].begin) + 1
