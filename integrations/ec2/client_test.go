package ec2_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"fermata/integrations/httpx"
)

// people is somebody who uses the account beside Fermata.
func people(t *testing.T, b bench) *sdk.Client {
	t.Helper()
	connection, err := httpx.New(httpx.Config{CA: b.CAFile(), Proxy: httpx.NoProxy})
	require.NoError(t, err)
	t.Cleanup(connection.CloseIdleConnections)
	return sdk.New(sdk.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(b.URL()), HTTPClient: connection,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secretKey}, nil
		}),
	})
}

// foreign launches an instance that carries nothing of Fermata's.
func foreign(t *testing.T, b bench, name string) string {
	t.Helper()
	client := people(t, b)
	images, err := client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{Owners: []string{"self"}})
	require.NoError(t, err)
	subnets, err := client.DescribeSubnets(t.Context(), &sdk.DescribeSubnetsInput{})
	require.NoError(t, err)
	made, err := client.RunInstances(t.Context(), &sdk.RunInstancesInput{
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: images.Images[0].ImageId, InstanceType: "t3.small", SubnetId: subnets.Subnets[0].SubnetId,
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("Name"), Value: &name}}}},
	})
	require.NoError(t, err)
	id := aws.ToString(made.Instances[0].InstanceId)
	require.Eventually(t, func() bool {
		now, err := client.DescribeInstances(t.Context(), &sdk.DescribeInstancesInput{InstanceIds: []string{id}})
		return err == nil && now.Reservations[0].Instances[0].State.Name == types.InstanceStateNameRunning
	}, time.Minute, 5*time.Millisecond)
	return id
}
