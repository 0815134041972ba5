// Shop is a gin service over database/sql and sqlite with a pool of few connections and a bounded cache of articles.
//
//	go run . -addr 127.0.0.1:8080 -debug 127.0.0.1:6060
package main

import (
	"database/sql"
	"flag"
	"log"
	"net/http"
	_ "net/http/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
	_ "github.com/mattn/go-sqlite3"
)

type article struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	Text string `json:"text"`
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()

	db, err := sql.Open("sqlite3", "file:shop.db?_journal_mode=WAL&_busy_timeout=5000&_synchronous=OFF")
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(4)
	if _, err := db.Exec("create table if not exists orders(id integer primary key, article int, placed int)"); err != nil {
		log.Fatal(err)
	}
	cache, err := lru.New[int, *article](4000)
	if err != nil {
		log.Fatal(err)
	}

	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery())
	router.GET("/articles/:id", func(c *gin.Context) {
		id, _ := strconv.Atoi(c.Param("id"))
		found, ok := cache.Get(id)
		if !ok {
			found = &article{ID: id, Name: "article " + c.Param("id"), Text: strings.Repeat("words ", 200+id%300)}
			cache.Add(id, found)
		}
		c.JSON(http.StatusOK, found)
	})
	router.POST("/orders/:article", func(c *gin.Context) {
		tx, err := db.BeginTx(c.Request.Context(), nil)
		if err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.Exec("insert into orders(article, placed) values (?, ?)", c.Param("article"), time.Now().Unix()); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		time.Sleep(20 * time.Millisecond) // the payment, inside the transaction as one should not
		if err := tx.Commit(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.Status(http.StatusCreated)
	})
	log.Fatal(http.ListenAndServe(*addr, router))
}
