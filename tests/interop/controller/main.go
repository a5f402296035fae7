// A controller as people write them with client-go: shared informers, a work queue, leader election, owner references,
// finalizers, events. It keeps one Secret for every ConfigMap that carries the label interop=parent.
//
// Its arguments are its name and the format that it speaks, json or protobuf. It says what it does in lines on its standard output and ends on SIGTERM, after a line with what it asked of the server.
package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
)

const (
	namespace = "interop"
	selector  = "interop in (parent, child)"
	finalizer = "interop.example.org/child"
)

// counter counts the requests that informers make, by kind, and what is answered in protobuf.
type counter struct {
	next                       http.RoundTripper
	lists, watches, watchLists atomic.Int64
	protobuf                   atomic.Int64 // answers
}

func (c *counter) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	if request.Method == http.MethodGet && query.Get("labelSelector") != "" {
		switch {
		case query.Get("sendInitialEvents") == "true":
			c.watchLists.Add(1)
		case query.Get("watch") == "true":
			c.watches.Add(1)
		default:
			c.lists.Add(1)
		}
	}
	response, err := c.next.RoundTrip(request)
	if err == nil && strings.HasPrefix(response.Header.Get("Content-Type"), runtime.ContentTypeProtobuf) {
		c.protobuf.Add(1)
	}
	return response, err
}

type controller struct {
	client  kubernetes.Interface
	parents listers.ConfigMapNamespaceLister
	secrets listers.SecretNamespaceLister
	queue   workqueue.TypedRateLimitingInterface[string]
	events  record.EventRecorder
}

func (c *controller) reconcile(ctx context.Context, name string) error {
	parent, err := c.parents.Get(name)
	if errors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	parent = parent.DeepCopy()
	held := slices.Index(parent.Finalizers, finalizer)
	if parent.DeletionTimestamp != nil {
		if held < 0 {
			return nil
		}
		parent.Finalizers = slices.Delete(parent.Finalizers, held, held+1)
		if _, err := c.client.CoreV1().ConfigMaps(namespace).Update(ctx, parent, metav1.UpdateOptions{}); err != nil {
			return err
		}
		fmt.Println("released", name)
		return nil
	}
	if held < 0 {
		parent.Finalizers = append(parent.Finalizers, finalizer)
		// What follows is for the next time, when the informer has seen the finalizer.
		_, err := c.client.CoreV1().ConfigMaps(namespace).Update(ctx, parent, metav1.UpdateOptions{})
		return err
	}
	return c.keepChild(ctx, parent)
}

func (c *controller) keepChild(ctx context.Context, parent *corev1.ConfigMap) error {
	data := map[string][]byte{}
	for key, value := range parent.Data {
		data[key] = []byte(value)
	}
	child, err := c.secrets.Get(parent.Name)
	if err != nil && !errors.IsNotFound(err) {
		return err
	}
	if errors.IsNotFound(err) {
		_, err = c.client.CoreV1().Secrets(namespace).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name:            parent.Name,
				Labels:          map[string]string{"interop": "child"},
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(parent, corev1.SchemeGroupVersion.WithKind("ConfigMap"))},
			},
			Data: data,
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		c.events.Eventf(parent, corev1.EventTypeNormal, "ChildCreated", "Created Secret %s", parent.Name)
		fmt.Println("created", parent.Name)
		return nil
	}
	if maps.EqualFunc(child.Data, data, slices.Equal) {
		return nil
	}
	child = child.DeepCopy()
	child.Data = data
	if _, err := c.client.CoreV1().Secrets(namespace).Update(ctx, child, metav1.UpdateOptions{}); err != nil {
		return err
	}
	fmt.Println("updated", parent.Name)
	return nil
}

func (c *controller) run(ctx context.Context) {
	go func() {
		<-ctx.Done()
		c.queue.ShutDown()
	}()
	for {
		name, down := c.queue.Get()
		if down {
			return
		}
		if err := c.reconcile(ctx, name); err != nil {
			fmt.Println("failed", name, err)
			c.queue.AddRateLimited(name)
		} else {
			c.queue.Forget(name)
		}
		c.queue.Done(name)
	}
}

func work(ctx context.Context, client kubernetes.Interface) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = selector }))
	parents, secrets := factory.Core().V1().ConfigMaps(), factory.Core().V1().Secrets()
	broadcaster := record.NewBroadcaster()
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: client.CoreV1().Events(namespace)})
	c := &controller{
		client:  client,
		parents: parents.Lister().ConfigMaps(namespace),
		secrets: secrets.Lister().Secrets(namespace),
		queue:   workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
		events:  broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "interop-controller"}),
	}
	// A child has its parent's name.
	enqueue := func(object any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
			_, name, _ := cache.SplitMetaNamespaceKey(key)
			c.queue.Add(name)
		}
	}
	handler := cache.ResourceEventHandlerFuncs{AddFunc: enqueue, UpdateFunc: func(_, object any) { enqueue(object) }, DeleteFunc: enqueue}
	parents.Informer().AddEventHandler(handler)
	secrets.Informer().AddEventHandler(handler)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	fmt.Println("synced")
	c.run(ctx)
}

func main() {
	identity := os.Args[1]
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		panic(err)
	}
	requests := &counter{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		requests.next = next
		return requests
	})
	if os.Args[2] == "protobuf" {
		config.ContentType = runtime.ContentTypeProtobuf
		config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	}
	client := kubernetes.NewForConfigOrDie(config)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: "controller"},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		},
		// Longer than a restart of the server, so that the leader stays one over it.
		LeaseDuration:   15 * time.Second,
		RenewDeadline:   10 * time.Second,
		RetryPeriod:     500 * time.Millisecond,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				fmt.Println("leading", identity)
				work(ctx, client)
			},
			OnStoppedLeading: func() {
				fmt.Println("stopped", identity)
			},
			OnNewLeader: func(leader string) { fmt.Println("leader", leader) },
		},
	})
	fmt.Println("requests", requests.lists.Load(), requests.watches.Load(), requests.watchLists.Load(), requests.protobuf.Load())
}
