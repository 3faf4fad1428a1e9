package broker_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"samband/gateway/broker"
)

// A broker whose folder Init and Install made is opened, served until the context
// ends, and closed.
func Example() {
	dir, err := os.MkdirTemp("", "exchange")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	exchange, err := made()
	if err != nil {
		log.Fatal(err)
	}
	if exchange, err = exchange.Copy(dir); err != nil {
		log.Fatal(err)
	}

	b, err := broker.New(broker.Config{Dir: exchange.BrokerDir()})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	status := b.Started()
	fmt.Println(status.Name, status.Accepting)

	ctx, stop := context.WithCancel(context.Background())
	stop() // on a signal, in a program
	fmt.Println(b.Run(ctx))
	// Output:
	// nordic.example true
	// <nil>
}
