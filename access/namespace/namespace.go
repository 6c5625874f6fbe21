// Package namespace makes what Fermata needs of a new Temporal cluster, with an admin's connection. It links no Temporal server.
package namespace

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"fermata/wire"
)

// Register makes the namespace and its search attributes. What is there stays as it is.
func Register(ctx context.Context, connection client.Client, name string, retention time.Duration) error {
	_, err := connection.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	var there *serviceerror.NamespaceAlreadyExists
	if err != nil && !errors.As(err, &there) {
		return fmt.Errorf("registering the namespace: %w", err)
	}
	attributes := map[string]enumspb.IndexedValueType{}
	for _, key := range wire.Attributes() {
		attributes[key.GetName()] = key.GetValueType()
	}
	add := &operatorservice.AddSearchAttributesRequest{Namespace: name, SearchAttributes: attributes}
	for {
		_, err := connection.OperatorService().AddSearchAttributes(ctx, add)
		var young *serviceerror.NamespaceNotFound // The frontend has not heard of it yet.
		if !errors.As(err, &young) {
			if err != nil {
				err = fmt.Errorf("registering search attributes: %w", err)
			}
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("registering search attributes: %w", err)
		case <-time.After(time.Second):
		}
	}
}
