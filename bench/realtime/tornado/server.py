"""Serves the benchmark on Tornado: one process, everything on its event loop."""

import argparse
import asyncio
import gc
import sys
import threading

import tornado.httpserver
import tornado.web
import tornado.websocket

SIZE = 128
room = []


class Echo(tornado.websocket.WebSocketHandler):
    async def on_message(self, message):
        await self.write_message(message, binary=isinstance(message, bytes))


class Watch(Echo):
    def open(self):
        room.append(self)


async def take_broadcasts(reader, writer):
    """Sends each message of the control connection to all who watch."""
    try:
        while True:
            message = (await reader.readexactly(SIZE)).decode()
            for handler in room:
                handler.write_message(message)
    except asyncio.IncompleteReadError:
        writer.close()


def answer_questions():
    """Answers what the benchmark asks on standard input; see its package question."""
    for line in sys.stdin:
        if line.strip() == "gc":
            gc.collect()
            print("ok", flush=True)
        else:
            print("error unknown question", flush=True)


async def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("-addr", default="127.0.0.1:8080")
    flags.add_argument("-control", default="127.0.0.1:8081")
    flags = flags.parse_args()
    threading.Thread(target=answer_questions, daemon=True).start()
    app = tornado.web.Application(
        [("/echo", Echo), ("/watch", Watch)],
        log_function=lambda handler: None,
    )
    host, port = flags.addr.rsplit(":", 1)
    tornado.httpserver.HTTPServer(app).listen(int(port), host, backlog=4096)
    host, port = flags.control.rsplit(":", 1)
    server = await asyncio.start_server(take_broadcasts, host, int(port))
    await server.serve_forever()


asyncio.run(main())
