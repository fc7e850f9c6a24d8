"""Fields that Kubernetes or Istio know and our types do not have: those without effect here, and those not there yet.

Without effect are fields about what one machine without a cluster does not have: schedulers, images, quotas.
They are accepted silently, so that manifests work as they are. Fields that would change what a workload does or who
reaches it are refused as not implemented: accepting them would be a lie. Keys of the mesh configuration are in
`mesh_fields.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meshgate.api.config import Event, Namespace, ServiceAccount
from meshgate.api.istio_operator import (
    Components,
    GatewayComponent,
    GatewayKubernetes,
    GatewayService,
    IstioOperator,
    PilotComponent,
    PilotKubernetes,
    PilotVariable,
)
from meshgate.api.meta import Meta
from meshgate.api.service import Endpoint, Service
from meshgate.api.value import Value
from meshgate.api.volume import DownwardFile, EmptyDirVolume, Projection, Volume, VolumeMount
from meshgate.api.workload import (
    Container,
    ContainerPort,
    Deployment,
    EnvSource,
    LabelSelector,
    Pod,
    PodSecurityContext,
    Probe,
    SecurityContext,
    TemplateMeta,
)

_SERVICE = (
    "allocateLoadBalancerNodePorts externalTrafficPolicy healthCheckNodePort internalTrafficPolicy ipFamilies "
    "ipFamilyPolicy loadBalancerClass loadBalancerSourceRanges sessionAffinityConfig"
)
_SECURITY = "appArmorProfile runAsNonRoot seLinuxOptions seccompProfile windowsOptions"

_WITHOUT_EFFECT: Final[dict[type[Value], str]] = {
    Meta: "deletionGracePeriodSeconds finalizers managedFields resourceVersion selfLink",
    TemplateMeta: "creationTimestamp finalizers generateName name namespace",
    Namespace: "finalizers",
    Service: _SERVICE,
    GatewayService: _SERVICE + " clusterIP externalIPs publishNotReadyAddresses sessionAffinity trafficDistribution",
    Endpoint: "deprecatedTopology hints",
    Pod: "affinity automountServiceAccountToken dnsPolicy enableServiceLinks imagePullSecrets nodeSelector os "
    "overhead preemptionPolicy priority priorityClassName runtimeClassName schedulerName schedulingGates tolerations "
    "topologySpreadConstraints",
    PodSecurityContext: _SECURITY + " fsGroupChangePolicy seLinuxChangePolicy supplementalGroups "
    "supplementalGroupsPolicy sysctls",
    Container: "imagePullPolicy resizePolicy resources stdin stdinOnce terminationMessagePath "
    "terminationMessagePolicy tty",
    SecurityContext: _SECURITY + " allowPrivilegeEscalation capabilities privileged procMount readOnlyRootFilesystem",
    VolumeMount: "mountPropagation recursiveReadOnly",
    EmptyDirVolume: "sizeLimit",
    Probe: "terminationGracePeriodSeconds",
    Deployment: "progressDeadlineSeconds revisionHistoryLimit strategy",
    ServiceAccount: "automountServiceAccountToken imagePullSecrets secrets",
    Event: "related series",
    IstioOperator: "compatibilityVersion hub installPackagePath tag",
    Components: "base cni istiodRemote ztunnel",
    PilotComponent: "enabled hub namespace spec tag",
    PilotKubernetes: "affinity hpaSpec imagePullPolicy nodeSelector overlays podAnnotations podDisruptionBudget "
    "podLabels priorityClassName readinessProbe replicaCount resources securityContext service serviceAnnotations "
    "strategy tolerations volumeMounts volumes",
    PilotVariable: "valueFrom",
    GatewayComponent: "hub tag",
    GatewayKubernetes: "affinity hpaSpec imagePullPolicy nodeSelector podDisruptionBudget priorityClassName "
    "readinessProbe resources securityContext strategy tolerations",
}

_NOT_YET: Final[dict[type[Value], str]] = {
    Meta: "generateName",
    Pod: "activeDeadlineSeconds dnsConfig ephemeralContainers hostIPC hostNetwork hostPID hostUsers "
    "hostnameOverride readinessGates resourceClaims resources setHostnameAsFQDN shareProcessNamespace workloadRef",
    Container: "lifecycle restartPolicy restartPolicyRules volumeDevices",
    ContainerPort: "hostIP hostPort",
    VolumeMount: "subPathExpr",
    Probe: "grpc",
    EnvSource: "fileKeyRef resourceFieldRef",
    DownwardFile: "resourceFieldRef",
    Projection: "clusterTrustBundle podCertificate",
    Volume: "awsElasticBlockStore azureDisk azureFile cephfs cinder csi ephemeral fc flexVolume flocker "
    "gcePersistentDisk gitRepo glusterfs image iscsi nfs persistentVolumeClaim photonPersistentDisk portworxVolume "
    "quobyte rbd scaleIO storageos vsphereVolume",
    LabelSelector: "matchExpressions",
    IstioOperator: "addonComponents revision unvalidatedValues values",
    GatewayKubernetes: "overlays podLabels serviceAccountAnnotations volumeMounts volumes",
}

WITHOUT_EFFECT: Final[Mapping[type[Value], frozenset[str]]] = {
    cls: frozenset(names.split()) for cls, names in _WITHOUT_EFFECT.items()
}
NOT_YET: Final[Mapping[type[Value], frozenset[str]]] = {
    cls: frozenset(names.split()) for cls, names in _NOT_YET.items()
}
