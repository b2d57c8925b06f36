"""Serves the benchmark on Tornado: one process, handlers on its event loop."""

import argparse
import gc
import json
import ssl
import sys
import threading
import time

import tornado.httpserver
import tornado.ioloop
import tornado.web

BLOCK = 0.005


class Plain(tornado.web.RequestHandler):
    def get(self):
        self.set_header("Content-Type", "text/plain")
        self.write("Hello, World!")


class Json(tornado.web.RequestHandler):
    def post(self):
        packet = json.loads(self.request.body)
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(packet, separators=(",", ":")))


class Sleep(Plain):
    def get(self):
        time.sleep(BLOCK)
        super().get()


class Mixed(Plain):
    calls = 0

    def get(self):
        Mixed.calls += 1
        if Mixed.calls % 100 == 0:
            time.sleep(BLOCK)
        super().get()


def answer_questions():
    """Answers what bench/http asks on standard input; see its package peer."""
    for line in sys.stdin:
        if line.strip() == "gc":
            gc.collect()
            print("ok", flush=True)
        else:
            print("error unknown question", flush=True)


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("-addr", default="127.0.0.1:8080")
    flags.add_argument("-cert")
    flags.add_argument("-key")
    flags = flags.parse_args()
    threading.Thread(target=answer_questions, daemon=True).start()
    app = tornado.web.Application(
        [("/plain", Plain), ("/json", Json), ("/sleep", Sleep), ("/mixed", Mixed)],
        log_function=lambda handler: None,
    )
    tls = None
    if flags.cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(flags.cert, flags.key)
    host, port = flags.addr.rsplit(":", 1)
    tornado.httpserver.HTTPServer(app, ssl_options=tls).listen(int(port), host, backlog=4096)
    tornado.ioloop.IOLoop.current().start()


main()
