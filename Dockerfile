# docker build -t ganlab . && docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" ganlab run experiment=laptop
# A machine with NVIDIA GPUs: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 and docker run --gpus all
FROM python:3.11-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# The base image decides the release of Debian, which keeps only the newest version of a package.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libsndfile1 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/ganlab
COPY requirements-build.lock requirements.lock requirements-torch.lock ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements-build.lock \
 && pip install --no-cache-dir --no-deps --require-hashes --no-build-isolation -r requirements.lock \
 && pip install --no-cache-dir -r requirements-torch.lock --extra-index-url "$TORCH_INDEX"
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY ganlab ganlab
COPY conf conf
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
# Any user may run it; what it writes goes to /work.
ENV HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /work
ENTRYPOINT ["ganlab"]
CMD ["--help"]
