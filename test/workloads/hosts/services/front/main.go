// Front is a fiber (fasthttp) service: connections are served by a pool of workers that stay a while when idle, and
// pages are rendered under one lock.
//
//	go run . -addr 127.0.0.1:8080 -debug 127.0.0.1:6060
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()
	app := fiber.New(fiber.Config{DisableStartupMessage: true, IdleTimeout: 30 * time.Second})
	var rendering sync.Mutex
	app.Get("/pages/:id", func(c *fiber.Ctx) error {
		rendering.Lock()
		defer rendering.Unlock()
		time.Sleep(10 * time.Millisecond)
		return c.SendString(strings.Repeat(fmt.Sprintf("page %s\n", c.Params("id")), 500))
	})
	app.Get("/fan/:parts", func(c *fiber.Ctx) error {
		parts, err := c.ParamsInt("parts")
		if err != nil {
			return fiber.ErrBadRequest
		}
		var all sync.WaitGroup
		texts := make([]string, min(parts, 16))
		for n := range texts {
			all.Add(1)
			go func() {
				defer all.Done()
				time.Sleep(time.Duration(200+100*n) * time.Millisecond)
				texts[n] = strings.Repeat("part ", 400)
			}()
		}
		all.Wait()
		return c.SendString(strings.Join(texts, "\n"))
	})
	log.Fatal(app.Listen(*addr))
}
