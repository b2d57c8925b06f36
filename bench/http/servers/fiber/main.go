// Command fiber serves the benchmark on Fiber.
package main

import (
	"github.com/galeweb/gale/bench/http/internal/peer"
	"github.com/gofiber/fiber/v3"
)

func main() {
	peer.Main(func(o peer.Options) error {
		var mixed peer.Mixed
		app := fiber.New()
		plain := func(c fiber.Ctx) error {
			c.Set(fiber.HeaderContentType, "text/plain")
			return c.SendString(peer.Hello)
		}
		app.Get("/plain", plain)
		app.Post("/json", echo)
		app.Get("/sleep", func(c fiber.Ctx) error { peer.Block(); return plain(c) })
		app.Get("/mixed", func(c fiber.Ctx) error { mixed.Block(); return plain(c) })
		return app.Listen(o.Addr, fiber.ListenConfig{DisableStartupMessage: true})
	})
}

func echo(c fiber.Ctx) error {
	body, err := peer.Echo(c.Body())
	if err != nil {
		return fiber.NewError(fiber.StatusBadRequest, err.Error())
	}
	c.Set(fiber.HeaderContentType, "application/json")
	return c.Send(body)
}
