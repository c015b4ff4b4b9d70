#!/usr/bin/env python3
"""Makes the README's picture, assets/screen.png, from `salon demo`.

    cargo build --release && python3 tests/picture.py [target/release/salon]

Needs tmux, and Pillow to draw (pip install pillow) with the DejaVu Sans Mono fonts. Without Pillow it prints the screen
as text, so that it can at least be looked at.
"""
import os
import re
import subprocess
import sys
import tempfile
import time
import unicodedata

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS, ROWS, SIZE = 160, 36, 16
FONTS = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono%s.ttf"
BACK, FRONT = (0x1D, 0x1F, 0x21), (0xD4, 0xD7, 0xD6)
BASE = ["1d1f21", "cc6666", "b5bd68", "f0c674", "81a2be", "b294bb", "8abeb7", "c5c8c6",
        "666666", "d54e53", "b9ca4a", "e7c547", "7aa6da", "c397d8", "70c0b1", "eaeaea"]


def capture(program):
    """Runs the demo in a tmux of its own, and returns its screen with colours."""
    with tempfile.TemporaryDirectory() as folder:
        tmux = ["tmux", "-S", os.path.join(folder, "socket"), "-f", "/dev/null"]
        environment = {"HOME": folder, "PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8",
                       "SALON_RUNTIME_DIR": os.path.join(folder, "run"), "COLORTERM": "truecolor", "COLORFGBG": "15;0"}
        run = lambda *args: subprocess.run(tmux + list(args), env=environment, capture_output=True, text=True)
        try:
            run("new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), program, "demo")
            for _ in range(200):
                screen = run("capture-pane", "-e", "-p").stdout
                if "Fix the tide table" in re.sub("\x1b[^m]*m", "", screen):
                    break
                time.sleep(0.1)
            else:
                sys.exit(f"the demo did not open:\n{screen}")
            # The states of the open sessions arrive after the list. Reading a session loads the colours of code.
            time.sleep(2)
            run("send-keys", "g", "j", "Enter")
            time.sleep(3)
            # The working session, and in its preview the answer with the code block, above the edits.
            run("send-keys", "q", "l", "g", *["]"] * 6)
            # The preview and its colours arrive within a few frames; the picture is the first screen that stays.
            before = ""
            while screen != before:
                before = screen
                time.sleep(1)
                screen = run("capture-pane", "-e", "-p").stdout
            return screen
        finally:
            run("send-keys", "q")
            time.sleep(0.5)
            run("kill-server")


def colour(number):
    """RGB of a colour of the 256-colour palette."""
    if number < 16:
        return tuple(bytes.fromhex(BASE[number]))
    if number >= 232:
        return (8 + (number - 232) * 10,) * 3
    number -= 16
    return tuple(0 if level == 0 else 55 + level * 40 for level in (number // 36, number // 6 % 6, number % 6))


class Style:
    """Attributes that select-graphic-rendition sequences set."""

    def __init__(self):
        self.front, self.back, self.flags = None, None, set()

    def apply(self, codes):
        codes = [int(code or 0) for code in re.split("[;:]", codes)]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.__init__()
            elif code in (1, 2, 3, 4, 7, 9):
                self.flags.add(code)
            elif code == 22:
                self.flags -= {1, 2}
            elif code in (23, 24, 27, 29):
                self.flags.discard(code - 20)
            elif code in (38, 48):
                value = colour(codes[1]) if codes[0] == 5 else tuple(codes[1:4])
                del codes[:2 if codes[0] == 5 else 4]
                self.front, self.back = (value, self.back) if code == 38 else (self.front, value)
            elif code == 39:
                self.front = None
            elif code == 49:
                self.back = None
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.front = colour(code - 30 if code < 90 else code - 82)
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.back = colour(code - 40 if code < 100 else code - 92)

    def colours(self):
        front, back = self.front or FRONT, self.back or BACK
        if 7 in self.flags:
            front, back = back, front
        if 2 in self.flags:
            front = tuple((a + b) // 2 for a, b in zip(front, back))
        return front, back


def draw(screen, path):
    from PIL import Image, ImageDraw, ImageFont
    fonts = {bold: ImageFont.truetype(FONTS % ("-Bold" if bold else ""), SIZE) for bold in (False, True)}
    width, height = round(fonts[False].getlength("M")), SIZE + 5
    image = Image.new("RGB", (COLUMNS * width + 2 * width, ROWS * height + height), BACK)
    canvas, style = ImageDraw.Draw(image), Style()
    for row, line in enumerate(screen.rstrip("\n").split("\n")):
        column = 0
        for part in re.split("(\x1b\\[[0-9;:]*m)", line):
            if part.startswith("\x1b["):
                style.apply(part[2:-1])
                continue
            for character in part:
                cells = 2 if unicodedata.east_asian_width(character) in "WF" else 1
                x, y = width + column * width, height // 2 + row * height
                front, back = style.colours()
                canvas.rectangle([x, y, x + cells * width - 1, y + height - 1], fill=back)
                canvas.text((x, y + 1), character, font=fonts[1 in style.flags], fill=front)
                if 4 in style.flags:
                    canvas.line([x, y + height - 2, x + cells * width - 1, y + height - 2], fill=front)
                column += cells
    image.quantize(128).save(path, optimize=True)


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "target/release/salon"))
    if not os.access(program, os.X_OK):
        sys.exit(f"{program} does not exist; build it with: cargo build --release")
    screen = capture(program)
    try:
        import PIL  # noqa: F401
    except ImportError:
        print(re.sub("\x1b[^m]*m", "", screen))
        sys.exit("Pillow is not installed, so no picture was drawn. Install it with: pip install pillow")
    path = os.path.join(ROOT, "assets/screen.png")
    draw(screen, path)
    print(f"{path}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
